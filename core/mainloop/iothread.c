/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * "iothread": a user-creatable object with a thread and an EmuContext of its own, for queues that are to
 * run off the main thread.  The thread starts in complete() and ends with the object.
 */

#include "mainloop/mainloop-private.h"

#include <sys/syscall.h>
#include <unistd.h>

#define EMU_TYPE_IOTHREAD (emu_iothread_get_type())
G_DECLARE_FINAL_TYPE(EmuIothread, emu_iothread, EMU, IOTHREAD, EmuObject)

struct _EmuIothread {
    EmuObject parent_instance;
    EmuContext *ctx;
    GMainLoop *loop;
    GThread *thread;
    gint thread_id; /* host's; 0 until the thread runs */
};

static void emu_iothread_user_creatable_init(EmuUserCreatableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(EmuIothread, emu_iothread, EMU_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(EMU_TYPE_USER_CREATABLE, emu_iothread_user_creatable_init))

static gpointer
emu_iothread_run(gpointer data)
{
    EmuIothread *self = data;
    GMainContext *main_context = g_main_loop_get_context(self->loop);

    g_atomic_int_set(&self->thread_id, (gint)syscall(SYS_gettid));
    g_main_context_push_thread_default(main_context);
    g_main_loop_run(self->loop);
    g_main_context_pop_thread_default(main_context);
    return NULL;
}

static bool
emu_iothread_complete(EmuUserCreatable *obj, GError **error)
{
    EmuIothread *self = EMU_IOTHREAD(obj);
    const char *name = emu_object_get_name(self);
    g_autofree char *thread_name = g_strdup_printf("IO %s", name ? name : "thread");
    EmuContext *ctx = emu_context_new(NULL);

    self->loop = g_main_loop_new(emu_context_get_main_context(ctx), FALSE);
    self->thread = g_thread_try_new(thread_name, emu_iothread_run, self, error);
    if (!self->thread) {
        g_clear_pointer(&self->loop, g_main_loop_unref);
        emu_context_unref(ctx);
        return false;
    }
    self->ctx = ctx;
    return true;
}

static void
emu_iothread_user_creatable_init(EmuUserCreatableInterface *iface)
{
    iface->complete = emu_iothread_complete;
}

static gboolean
emu_iothread_quit_cb(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

/* Quits from inside: a g_main_loop_quit() before the loop runs would be lost. */
static void
emu_iothread_finalize(GObject *obj)
{
    EmuIothread *self = EMU_IOTHREAD(obj);

    if (self->thread) {
        g_autoptr(GSource) quit = g_idle_source_new();

        g_source_set_priority(quit, G_PRIORITY_HIGH);
        g_source_set_callback(quit, emu_iothread_quit_cb, self->loop, NULL);
        g_source_attach(quit, g_main_loop_get_context(self->loop));
        g_thread_join(self->thread);
        g_main_loop_unref(self->loop);
        emu_context_unref(self->ctx);
    }
    G_OBJECT_CLASS(emu_iothread_parent_class)->finalize(obj);
}

static char *
emu_iothread_get_thread_id(gpointer self, GError **error G_GNUC_UNUSED)
{
    return g_strdup_printf("%d", g_atomic_int_get(&EMU_IOTHREAD(self)->thread_id));
}

static void
emu_iothread_class_init(EmuIothreadClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_iothread_finalize;
    emu_object_class_add_string_property(klass, "thread-id", emu_iothread_get_thread_id, NULL,
                                         "the host's number of the thread");
}

static void
emu_iothread_init(EmuIothread *self G_GNUC_UNUSED)
{
}

EmuContext *
emu_iothread_get_context(gpointer iothread)
{
    return EMU_IS_IOTHREAD(iothread) ? EMU_IOTHREAD(iothread)->ctx : NULL;
}

static void
emu_iothread_register_types(void)
{
    emu_type_register_gtype("iothread", EMU_TYPE_IOTHREAD);
}

type_init(emu_iothread_register_types)
