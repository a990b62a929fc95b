"""What the heartbeat lists as on is shown as on, whatever of its events the viewer has heard."""

from dataclasses import replace

from tests.tracker.test_viewer import SECOND_NS, alive, drawn, event, image
from tracker.messages import StatusMessage
from tracker.viewer.palette import YELLOW
from tracker.viewer.scene import ViewerScene


def is_on(scene: ViewerScene, now_ns: int) -> bool:
    return bool((drawn(scene, now_ns) == YELLOW).all(axis=2).any())


def test_an_event_that_began_before_the_viewer_is_shown_as_on_until_it_ends(status: StatusMessage) -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for message in (replace(status, session="a"), image(1), alive("poke")):
        scene.take(message, 0)
    assert is_on(scene, 0)
    scene.take(event("off"), 0)
    assert not is_on(scene, 0)
    scene.take(alive("poke"), 0)
    assert is_on(scene, 0), "it began again, and its onset was not heard"


def test_an_event_whose_end_was_not_heard_ends_with_the_heartbeat(status: StatusMessage) -> None:
    scene = ViewerScene(None, trail_s=1.0)
    for message in (replace(status, session="a"), image(1)):
        scene.take(message, 0)
    bare = drawn(scene)
    scene.take(event("on"), 0)
    scene.take(alive("poke"), 0)
    assert is_on(scene, 0)
    scene.take(alive(), SECOND_NS // 2)
    assert not is_on(scene, SECOND_NS // 2)
    assert (drawn(scene, SECOND_NS // 2) != bare).any(), "an end stays for a moment"
