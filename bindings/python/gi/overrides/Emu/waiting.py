# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that take long: plain ones wait, those inside a coroutine return a future."""

import asyncio
import contextlib
import selectors
import signal
import threading

from gi.repository import Gio, GLib

from .errors import translate


@contextlib.contextmanager
def interruptible():
    """A Gio.Cancellable that Ctrl-C cancels: Python looks at signals between two of its own instructions only."""
    cancellable = Gio.Cancellable()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield cancellable
        return
    hit = []

    def stop(*_args):
        hit.append(1)
        cancellable.cancel()

    tick = GLib.timeout_add(100, lambda: GLib.SOURCE_CONTINUE)
    signal.signal(signal.SIGINT, stop)
    try:
        yield cancellable
    except GLib.Error:
        if not hit:
            raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        GLib.source_remove(tick)
    if hit:
        raise KeyboardInterrupt


def running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def wait_for(obj, cls, name, args, convert):
    """Waits for cls.name(obj, *args, cancellable), or returns a future of it when a coroutine runs."""
    loop = running_loop()
    if loop is None:
        with interruptible() as cancellable:
            try:
                result = getattr(cls, name)(obj, *args, cancellable)
            except GLib.Error as error:
                raise translate(error) from None
        return convert(result)

    future = loop.create_future()
    cancellable = Gio.Cancellable()

    def done(source, result):
        try:
            value, error = getattr(cls, name + "_finish")(obj, result), None
        except GLib.Error as failure:
            value, error = None, translate(failure)
        if error is None:
            try:
                value = convert(value)
            except Exception as failure:
                error = failure
        loop.call_soon_threadsafe(settle, value, error)

    def settle(value, error):
        if not future.done():
            future.set_exception(error) if error is not None else future.set_result(value)

    future.add_done_callback(lambda f: cancellable.cancel() if f.cancelled() else None)
    getattr(cls, name + "_async")(obj, *args, cancellable, done)
    return future


class Selector(selectors.SelectSelector):
    """asyncio waits in GLib's main loop, so that callbacks of both are called."""

    def __init__(self):
        super().__init__()
        self.context = GLib.MainContext.default()

    def select(self, timeout=None):
        ready, sources = [], []

        def on_ready(fd, condition, key):
            events = 0
            if condition & (GLib.IO_IN | GLib.IO_HUP | GLib.IO_ERR):
                events |= selectors.EVENT_READ
            if condition & (GLib.IO_OUT | GLib.IO_HUP | GLib.IO_ERR):
                events |= selectors.EVENT_WRITE
            ready.append((key, events & key.events))
            return GLib.SOURCE_CONTINUE

        for key in list(self.get_map().values()):
            condition = GLib.IO_HUP | GLib.IO_ERR
            if key.events & selectors.EVENT_READ:
                condition |= GLib.IO_IN
            if key.events & selectors.EVENT_WRITE:
                condition |= GLib.IO_OUT
            sources.append(GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, key.fd, condition, on_ready, key))
        if timeout is not None and timeout > 0:
            timer = GLib.timeout_source_new(max(1, int(timeout * 1000 + 0.999)))
            timer.set_callback(lambda *_args: GLib.SOURCE_REMOVE)
            timer.attach(self.context)
        else:
            timer = None
        self.context.iteration(timeout is None or timeout > 0)
        for source in sources:
            GLib.source_remove(source)
        if timer is not None:
            timer.destroy()
        return ready


def asyncio_loop():
    """An event loop of asyncio that serves GLib's main context, too: asyncio.Runner(loop_factory=Emu.asyncio_loop)."""
    return asyncio.SelectorEventLoop(Selector())


def run(main):
    """Runs a coroutine to its end, as asyncio.run() does."""
    loop = asyncio_loop()
    try:
        asyncio.set_event_loop(loop)
        task = loop.create_task(main)
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
            raise
    finally:
        with contextlib.suppress(Exception):
            rest = asyncio.all_tasks(loop)
            for task in rest:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
