/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes to emitted code that may be running.  Compiled for general registers only: fast.c calls it. */

#include "accel-tcg/host/host.h"

void
tcg_host_patch_jump(uint8_t *patch_write, const uint8_t *patch_exec, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - (patch_exec + 4));

    __atomic_store_n((int32_t *)(void *)patch_write, rel, __ATOMIC_RELEASE);
}

void
tcg_host_kill_token(uint8_t *token_field_write)
{
    __atomic_store_n((uint32_t *)(void *)token_field_write, TCG_TOKEN_NEVER, __ATOMIC_RELEASE);
}
