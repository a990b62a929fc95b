/* A V4L2 capture device in user space, preloaded so that code which makes V4L2's system calls runs without a camera.
 *
 * The device is the node that FAKE_V4L2_NODE names (any character device, such as /dev/zero). It offers 640x480 and 320x240,
 * 30 frames per second, and stamps buffers with CLOCK_MONOTONIC. What else it does is in the environment:
 *
 *   FAKE_V4L2_FORMATS   the pixel formats it offers, the default first ("YUYV,GREY")
 *   FAKE_V4L2_RATE_HZ   frames per second (30)
 *   FAKE_V4L2_PADDING   bytes after each line (0)
 *   FAKE_V4L2_JPEG      file with the picture for MJPG
 *   FAKE_V4L2_FRAMES    how many frames come (many), and then FAKE_V4L2_END: "silent" (no more), "unplugged" (ENODEV, poll
 *                       reports an error) or "broken" (EIO, poll reports an error)
 *   FAKE_V4L2_DAMAGED   list of frames flagged V4L2_BUF_FLAG_ERROR; FAKE_V4L2_SHORT: list of frames that are half there
 *   FAKE_V4L2_LOST      list of frames before each of which one sequence number is left out
 *   FAKE_V4L2_SEQUENCE  sequence number of the first frame (0); "none": the driver does not count
 *   FAKE_V4L2_AHEAD_S   seconds that its stamps lie in the future (0)
 *   FAKE_V4L2_OPEN, FAKE_V4L2_START, FAKE_V4L2_BUSY   errno of open(), of STREAMON, of REQBUFS
 *   FAKE_V4L2_CAPABILITIES   as a number, instead of capture and streaming
 *   FAKE_V4L2_WITHOUT   list of controls that it has not; FAKE_V4L2_STUCK: list of those that accept a value and keep their own;
 *                       FAKE_V4L2_REFUSED: list of those that refuse one (EBUSY); all as decimal numbers
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 16, LARGEST = 640 * 480 * 4 };
static int device = -1, streaming, queued[BUFFERS], head, waiting, requested;
static unsigned width = 640, height = 480, format = V4L2_PIX_FMT_YUYV;
static long taken;
static unsigned sequence, drawn[BUFFERS];
static struct timespec due;
static unsigned char *memory[BUFFERS];

static const char *setting(const char *name) { const char *text = getenv(name); return text && *text ? text : NULL; }
static long number(const char *name, long otherwise) { const char *text = setting(name); return text ? strtol(text, NULL, 0) : otherwise; }

/* How often a list such as "3,3,5" has this number. */
static int times_in(const char *name, long wanted) {
    int found = 0;
    for (const char *text = setting(name); text && *text; text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL) found += atol(text) == wanted;
    return found;
}

static const char *formats(void) { const char *text = setting("FAKE_V4L2_FORMATS"); return text ? text : "YUYV,GREY"; }

static int offered(unsigned code) {
    for (const char *text = formats(); strlen(text) >= 4; text += text[4] ? 5 : 4) if (!memcmp(text, &code, 4)) return 1;
    return 0;
}

static unsigned pixel_bytes(void) {
    switch (format) { case V4L2_PIX_FMT_RGB24: case V4L2_PIX_FMT_BGR24: return 3; case V4L2_PIX_FMT_YUYV: case V4L2_PIX_FMT_UYVY: return 2; default: return 1; }
}

static unsigned line(void) { return format == V4L2_PIX_FMT_MJPEG ? 0 : width * pixel_bytes() + number("FAKE_V4L2_PADDING", 0); }
static unsigned lines(void) { return format == V4L2_PIX_FMT_NV12 || format == V4L2_PIX_FMT_YUV420 ? height * 3 / 2 : height; }

static long limit(void) { const char *text = getenv("FAKE_V4L2_FRAMES"); return text ? atol(text) : 1000000; }
static int ended(void) { return taken >= limit(); }
static int failure(void) {
    const char *how = setting("FAKE_V4L2_END");
    if (!ended() || !how) return 0;
    return !strcmp(how, "unplugged") ? ENODEV : !strcmp(how, "broken") ? EIO : 0;
}

static double until_due(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (due.tv_sec - now.tv_sec) + (due.tv_nsec - now.tv_nsec) * 1e-9;
}

static int frame_ready(void) { return streaming && waiting && !ended() && until_due() <= 0; }

static int other_ready(int other) { struct pollfd polled = {other, POLLIN, 0}; return other >= 0 && ppoll(&polled, 1, &(struct timespec){0, 0}, NULL) == 1; }

/* Wait for a frame: 1 ready, 0 timeout, -1 unplugged, 2 another descriptor has something. */
static int wait_frame(double seconds, int other) {
    for (;;) {
        if (failure()) return -1;
        if (frame_ready()) return 1;
        if (other_ready(other)) return 2;
        if (seconds <= 0) return 0;
        struct timespec step = {0, 1000000};
        nanosleep(&step, NULL);
        seconds -= 0.001;
    }
}

static int open_node(const char *path, int flags, mode_t mode) {
    static int (*real)(const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "open");
    const char *node = getenv("FAKE_V4L2_NODE");
    int mine = node && !strcmp(path, node);
    if (mine && number("FAKE_V4L2_OPEN", 0)) { errno = number("FAKE_V4L2_OPEN", 0); return -1; }
    int handle = real(path, flags, mode);
    if (handle >= 0 && mine) device = handle;
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

static void fill_format(struct v4l2_pix_format *pix) {
    pix->width = width; pix->height = height; pix->pixelformat = format;
    pix->bytesperline = line();
    pix->sizeimage = format == V4L2_PIX_FMT_MJPEG ? LARGEST : line() * lines();
}

static int set_format(struct v4l2_format *f) {
    format = f->fmt.pix.pixelformat;
    if (!offered(format)) memcpy(&format, formats(), 4);
    int small = f->fmt.pix.width <= 400;
    width = small ? 320 : 640;
    height = small ? 240 : 480;
    fill_format(&f->fmt.pix);
    return 0;
}

static int get_format(struct v4l2_format *f) {
    memset(&f->fmt, 0, sizeof f->fmt);
    fill_format(&f->fmt.pix);
    return 0;
}

/* One picture: much red, some green, little blue; grey 100. Returns its length. */
static unsigned draw(unsigned char *at) {
    unsigned size = line() * lines();
    if (format == V4L2_PIX_FMT_MJPEG) {
        FILE *file = fopen(setting("FAKE_V4L2_JPEG"), "rb");
        size = fread(at, 1, LARGEST, file);
        fclose(file);
        return size;
    }
    memset(at, 7, size); /* the padding */
    for (unsigned y = 0; y < lines(); y++)
        for (unsigned x = 0; x < width; x++) {
            unsigned char *pixel = at + y * line() + x * pixel_bytes(), odd = x % 2 ? 200 : 90;
            switch (format) {
            case V4L2_PIX_FMT_RGB24: pixel[0] = 200; pixel[1] = 50; pixel[2] = 10; break;
            case V4L2_PIX_FMT_BGR24: pixel[0] = 10; pixel[1] = 50; pixel[2] = 200; break;
            case V4L2_PIX_FMT_YUYV: pixel[0] = 100; pixel[1] = odd; break;
            case V4L2_PIX_FMT_UYVY: pixel[0] = odd; pixel[1] = 100; break;
            case V4L2_PIX_FMT_NV12: *pixel = y < height ? 100 : odd; break;
            default: *pixel = 100;
            }
        }
    return size;
}

static void next_due(void) {
    long period_ns = 1000000000 / number("FAKE_V4L2_RATE_HZ", 30);
    due.tv_nsec += period_ns;
    if (due.tv_nsec >= 1000000000) { due.tv_nsec -= 1000000000; due.tv_sec++; }
}

static int dequeue(struct v4l2_buffer *b) {
    if (failure()) { errno = failure(); return -1; }
    if (!frame_ready()) { errno = EAGAIN; return -1; }
    int index = queued[head % BUFFERS];
    head++; waiting--;
    if (!drawn[index]) drawn[index] = draw(memory[index]);
    b->index = index; b->bytesused = times_in("FAKE_V4L2_SHORT", taken) ? drawn[index] / 2 : drawn[index]; b->length = LARGEST;
    b->flags = V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | (times_in("FAKE_V4L2_DAMAGED", taken) ? V4L2_BUF_FLAG_ERROR : 0);
    const char *counts = setting("FAKE_V4L2_SEQUENCE");
    sequence += times_in("FAKE_V4L2_LOST", taken);
    b->sequence = counts && !strcmp(counts, "none") ? 0 : number("FAKE_V4L2_SEQUENCE", 0) + sequence++;
    b->timestamp.tv_sec = due.tv_sec + number("FAKE_V4L2_AHEAD_S", 0); b->timestamp.tv_usec = due.tv_nsec / 1000;
    next_due();
    taken++;
    return 0;
}

/* Its controls: number, type (1 whole number, 2 yes or no, 3 menu), range, step and value. Automatic ones are on, and lock the one they rule. */
static struct fake_control { unsigned id, type; int low, high, step, value; unsigned automatic; int manual; } controls[] = {
    {V4L2_CID_BRIGHTNESS, 1, -64, 64, 1, 0}, {V4L2_CID_CONTRAST, 1, 0, 95, 5, 50}, {V4L2_CID_SATURATION, 1, 0, 100, 1, 64},
    {V4L2_CID_AUTO_WHITE_BALANCE, 2, 0, 1, 1, 1}, {V4L2_CID_AUTOGAIN, 2, 0, 1, 1, 1}, {V4L2_CID_GAIN, 1, 0, 100, 1, 0, V4L2_CID_AUTOGAIN, 0},
    {V4L2_CID_POWER_LINE_FREQUENCY, 3, 0, 2, 1, 1}, {V4L2_CID_WHITE_BALANCE_TEMPERATURE, 1, 2800, 6500, 1, 4600, V4L2_CID_AUTO_WHITE_BALANCE, 0},
    {V4L2_CID_SHARPNESS, 1, 0, 6, 1, 3}, {V4L2_CID_EXPOSURE_AUTO, 3, 0, 3, 1, 3}, {V4L2_CID_EXPOSURE_AUTO_PRIORITY, 2, 0, 1, 1, 1},
    {V4L2_CID_EXPOSURE_ABSOLUTE, 1, 1, 5000, 1, 157, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL},
    {V4L2_CID_FOCUS_ABSOLUTE, 1, 0, 250, 5, 0, V4L2_CID_FOCUS_AUTO, 0}, {V4L2_CID_FOCUS_AUTO, 2, 0, 1, 1, 1},
};

static struct fake_control *control_of(unsigned id) {
    for (unsigned i = 0; i < sizeof controls / sizeof *controls; i++)
        if (controls[i].id == id && !times_in("FAKE_V4L2_WITHOUT", id)) return &controls[i];
    errno = EINVAL;
    return NULL;
}

static int set_control(struct v4l2_control *c) {
    struct fake_control *mine = control_of(c->id), *automatic = mine && mine->automatic ? control_of(mine->automatic) : NULL;
    if (!mine) return -1;
    if (times_in("FAKE_V4L2_REFUSED", c->id)) { errno = EBUSY; return -1; }
    if (automatic && automatic->value != mine->manual) { errno = EACCES; return -1; }
    if (!times_in("FAKE_V4L2_STUCK", c->id)) mine->value = c->value;
    return 0;
}

static int query_control(struct v4l2_queryctrl *q) {
    struct fake_control *mine = control_of(q->id);
    if (!mine) return -1;
    q->type = mine->type; q->minimum = mine->low; q->maximum = mine->high; q->step = mine->step; q->flags = 0;
    return 0;
}

static int query_menu(struct v4l2_querymenu *m) {
    struct fake_control *mine = control_of(m->id);
    if (!mine || m->index > (unsigned)mine->high) { errno = EINVAL; return -1; }
    return 0;
}

static int enumerate_format(struct v4l2_fmtdesc *f) {
    const char *text = formats();
    for (unsigned skip = f->index; skip && *text; skip--) text += text[4] ? 5 : 4;
    if (strlen(text) < 4) { errno = EINVAL; return -1; }
    memcpy(&f->pixelformat, text, 4);
    return 0;
}

static int enumerate_size(struct v4l2_frmsizeenum *s) {
    if (s->index > 1 || !offered(s->pixel_format)) { errno = EINVAL; return -1; }
    s->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    s->discrete.width = s->index ? 320 : 640; s->discrete.height = s->index ? 240 : 480;
    return 0;
}

static int enumerate_rate(struct v4l2_frmivalenum *r) {
    if (r->index > 1 || !offered(r->pixel_format)) { errno = EINVAL; return -1; }
    r->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    r->discrete.numerator = 1; r->discrete.denominator = r->index ? 15 : number("FAKE_V4L2_RATE_HZ", 30);
    return 0;
}

static int control(unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = argument;
        memset(c, 0, sizeof *c);
        strcpy((char *)c->driver, "fake"); strcpy((char *)c->card, "Fake Webcam");
        c->device_caps = number("FAKE_V4L2_CAPABILITIES", V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING);
        c->capabilities = c->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0; }
    case VIDIOC_G_CTRL: {
        struct v4l2_control *c = argument;
        struct fake_control *mine = control_of(c->id);
        if (mine) c->value = mine->value;
        return mine ? 0 : -1; }
    case VIDIOC_S_CTRL: return set_control(argument);
    case VIDIOC_QUERYCTRL: return query_control(argument);
    case VIDIOC_QUERYMENU: return query_menu(argument);
    case VIDIOC_ENUM_FMT: return enumerate_format(argument);
    case VIDIOC_ENUM_FRAMESIZES: return enumerate_size(argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return enumerate_rate(argument);
    case VIDIOC_G_FMT: return get_format(argument);
    case VIDIOC_S_FMT: case VIDIOC_TRY_FMT: return set_format(argument);
    case VIDIOC_G_PARM: case VIDIOC_S_PARM: {
        struct v4l2_streamparm *p = argument;
        p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        p->parm.capture.timeperframe.numerator = 1;
        p->parm.capture.timeperframe.denominator = number("FAKE_V4L2_RATE_HZ", 30);
        return 0; }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *r = argument;
        if (number("FAKE_V4L2_BUSY", 0) && r->count) { errno = number("FAKE_V4L2_BUSY", 0); return -1; }
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
    case VIDIOC_STREAMON:
        if (number("FAKE_V4L2_START", 0)) { errno = number("FAKE_V4L2_START", 0); return -1; }
        streaming = 1; memset(drawn, 0, sizeof drawn); clock_gettime(CLOCK_MONOTONIC, &due); return 0;
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
    if (device >= 0 && readable && FD_ISSET(device, readable)) return wait_frame(timeout->tv_sec + timeout->tv_usec * 1e-6, -1) ? 1 : 0;
    if (!real) real = dlsym(RTLD_NEXT, "select");
    return real(count, readable, writable, failed, timeout);
}

int poll(struct pollfd *polled, nfds_t count, int timeout_ms) {
    static int (*real)(struct pollfd *, nfds_t, int);
    for (nfds_t i = 0; i < count && count <= 2 && device >= 0; i++) {
        if (polled[i].fd != device) continue;
        struct pollfd *other = count == 2 ? &polled[1 - i] : NULL;
        int found = wait_frame(timeout_ms < 0 ? 3600 : timeout_ms / 1000.0, other ? other->fd : -1);
        polled[i].revents = found == 1 ? POLLIN | POLLRDNORM : found == -1 ? POLLERR | POLLHUP : 0;
        if (other) other->revents = other_ready(other->fd) ? POLLIN : 0;
        return (polled[i].revents != 0) + (other && other->revents);
    }
    if (!real) real = dlsym(RTLD_NEXT, "poll");
    return real(polled, count, timeout_ms);
}
int __poll_chk(struct pollfd *polled, nfds_t count, int timeout_ms, size_t size) { (void)size; return poll(polled, count, timeout_ms); }
