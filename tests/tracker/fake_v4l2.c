/* A V4L2 capture device in user space, preloaded so that OpenCV's own V4L2 code runs without a camera.
 *
 * The device is the node that FAKE_V4L2_NODE names (any character device, such as /dev/zero). It offers YUYV and GREY at
 * 640x480 and 320x240, 30 frames per second, stamps buffers with CLOCK_MONOTONIC, and stops after FAKE_V4L2_FRAMES
 * frames: FAKE_V4L2_END is "silent" (no more frames) or "unplugged" (ENODEV, poll reports an error).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 16, LARGEST = 640 * 480 * 2 };
static int device = -1, streaming, queued[BUFFERS], head, waiting, requested;
static unsigned width = 640, height = 480, format = V4L2_PIX_FMT_YUYV;
static long taken;
static struct timespec due;
static unsigned char *memory[BUFFERS];

static long limit(void) { const char *text = getenv("FAKE_V4L2_FRAMES"); return text ? atol(text) : 1000000; }
static int ended(void) { return taken >= limit(); }
static int unplugged(void) { const char *how = getenv("FAKE_V4L2_END"); return ended() && how && !strcmp(how, "unplugged"); }

static double until_due(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (due.tv_sec - now.tv_sec) + (due.tv_nsec - now.tv_nsec) * 1e-9;
}

static int frame_ready(void) { return streaming && waiting && !ended() && until_due() <= 0; }

/* Wait for a frame: 1 ready, 0 timeout, -1 unplugged. */
static int wait_frame(double seconds) {
    for (;;) {
        if (unplugged()) return -1;
        if (frame_ready()) return 1;
        if (seconds <= 0) return 0;
        struct timespec step = {0, 1000000};
        nanosleep(&step, NULL);
        seconds -= 0.001;
    }
}

static int open_node(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "open");
    int handle = real(path, flags, mode);
    const char *node = getenv("FAKE_V4L2_NODE");
    if (handle >= 0 && node && !strcmp(path, node)) device = handle;
    return handle;
}

int open(const char *path, int flags, ...) { va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, int); va_end(rest); return open_node(path, flags, mode); }
int open64(const char *path, int flags, ...) { va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, int); va_end(rest); return open_node(path, flags, mode); }
int __open64_2(const char *path, int flags) { return open_node(path, flags, 0); }
int __open_2(const char *path, int flags) { return open_node(path, flags, 0); }

int close(int handle) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "close");
    if (handle == device) { device = -1; streaming = 0; }
    return real(handle);
}

static int set_format(struct v4l2_format *f) {
    if (f->fmt.pix.pixelformat != V4L2_PIX_FMT_GREY && f->fmt.pix.pixelformat != V4L2_PIX_FMT_YUYV) f->fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
    int small = f->fmt.pix.width <= 400;
    f->fmt.pix.width = small ? 320 : 640;
    f->fmt.pix.height = small ? 240 : 480;
    width = f->fmt.pix.width; height = f->fmt.pix.height; format = f->fmt.pix.pixelformat;
    return 0;
}

static int get_format(struct v4l2_format *f) {
    memset(&f->fmt, 0, sizeof f->fmt);
    f->fmt.pix.width = width; f->fmt.pix.height = height; f->fmt.pix.pixelformat = format;
    f->fmt.pix.bytesperline = width * (format == V4L2_PIX_FMT_GREY ? 1 : 2);
    f->fmt.pix.sizeimage = f->fmt.pix.bytesperline * height;
    return 0;
}

static int dequeue(struct v4l2_buffer *b) {
    if (unplugged()) { errno = ENODEV; return -1; }
    if (!frame_ready()) { errno = EAGAIN; return -1; }
    int index = queued[head % BUFFERS];
    head++; waiting--;
    memset(memory[index], 100, LARGEST);
    if (format == V4L2_PIX_FMT_YUYV) for (unsigned i = 0; i < width * height * 2; i += 4) { memory[index][i + 1] = 90; memory[index][i + 3] = 200; }
    b->index = index; b->bytesused = width * height * (format == V4L2_PIX_FMT_GREY ? 1 : 2); b->length = LARGEST;
    b->flags = V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC; b->sequence = taken;
    b->timestamp.tv_sec = due.tv_sec; b->timestamp.tv_usec = due.tv_nsec / 1000;
    due.tv_nsec += 33333333;
    if (due.tv_nsec >= 1000000000) { due.tv_nsec -= 1000000000; due.tv_sec++; }
    taken++;
    return 0;
}

static int control(unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = argument;
        memset(c, 0, sizeof *c);
        strcpy((char *)c->driver, "fake");
        c->capabilities = c->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0; }
    case VIDIOC_G_FMT: return get_format(argument);
    case VIDIOC_S_FMT: case VIDIOC_TRY_FMT: {
        int failed = set_format(argument);
        struct v4l2_format *f = argument;
        f->fmt.pix.bytesperline = width * (format == V4L2_PIX_FMT_GREY ? 1 : 2);
        f->fmt.pix.sizeimage = f->fmt.pix.bytesperline * height;
        return failed; }
    case VIDIOC_G_PARM: case VIDIOC_S_PARM: {
        struct v4l2_streamparm *p = argument;
        p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        p->parm.capture.timeperframe.numerator = 1;
        p->parm.capture.timeperframe.denominator = 30;
        return 0; }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *r = argument;
        if (getenv("FAKE_V4L2_BUSY") && r->count) { errno = EBUSY; return -1; }
        if (r->count > BUFFERS) r->count = BUFFERS;
        requested = r->count; head = waiting = 0;
        return 0; }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = argument;
        b->length = LARGEST; b->m.offset = b->index * 4096;
        return 0; }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *b = argument;
        queued[(head + waiting) % BUFFERS] = b->index; waiting++;
        return 0; }
    case VIDIOC_DQBUF: return dequeue(argument);
    case VIDIOC_STREAMON: streaming = 1; clock_gettime(CLOCK_MONOTONIC, &due); return 0;
    case VIDIOC_STREAMOFF: streaming = 0; head = waiting = 0; return 0;
    default: errno = EINVAL; return -1;
    }
}

int ioctl(int handle, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    va_list rest; va_start(rest, request); void *argument = va_arg(rest, void *); va_end(rest);
    if (!real) real = dlsym(RTLD_NEXT, "ioctl");
    return handle >= 0 && handle == device ? control((unsigned int)request, argument) : real(handle, request, argument);
}

static void *map(size_t length, int handle, off_t offset) {
    int index = offset / 4096;
    (void)handle;
    memory[index] = calloc(1, length);
    return memory[index];
}

void *mmap(void *where, size_t length, int protection, int flags, int handle, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (handle >= 0 && handle == device) return map(length, handle, offset);
    if (!real) real = dlsym(RTLD_NEXT, "mmap");
    return real(where, length, protection, flags, handle, offset);
}
void *mmap64(void *where, size_t length, int protection, int flags, int handle, off64_t offset) { return mmap(where, length, protection, flags, handle, offset); }

int munmap(void *where, size_t length) {
    static int (*real)(void *, size_t);
    for (int i = 0; i < BUFFERS; i++) if (memory[i] && memory[i] == where) { free(where); memory[i] = NULL; return 0; }
    if (!real) real = dlsym(RTLD_NEXT, "munmap");
    return real(where, length);
}

int select(int count, fd_set *readable, fd_set *writable, fd_set *failed, struct timeval *timeout) {
    static int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    if (device >= 0 && readable && FD_ISSET(device, readable)) return wait_frame(timeout->tv_sec + timeout->tv_usec * 1e-6) ? 1 : 0;
    if (!real) real = dlsym(RTLD_NEXT, "select");
    return real(count, readable, writable, failed, timeout);
}

int poll(struct pollfd *polled, nfds_t count, int timeout_ms) {
    static int (*real)(struct pollfd *, nfds_t, int);
    if (device >= 0 && count == 1 && polled[0].fd == device) {
        int found = wait_frame(timeout_ms < 0 ? 3600 : timeout_ms / 1000.0);
        polled[0].revents = found == 1 ? POLLIN | POLLRDNORM : found == -1 ? POLLERR | POLLHUP : 0;
        return found != 0;
    }
    if (!real) real = dlsym(RTLD_NEXT, "poll");
    return real(polled, count, timeout_ms);
}
int __poll_chk(struct pollfd *polled, nfds_t count, int timeout_ms, size_t size) { (void)size; return poll(polled, count, timeout_ms); }
