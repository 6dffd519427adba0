/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the tables of the human monitor point to. */

#include "monitor/hmp-private.h"

typedef void EmuHmpFunc(EmuHmp *hmp, const EmuHmpValue *args);

/* hmp-memory.c */
EmuHmpFunc hmp_x, hmp_xp, hmp_print, hmp_sum, hmp_port_in, hmp_port_out, hmp_gpa2hva, hmp_gva2gpa;

/* hmp-info.c */
EmuHmpFunc hmp_info_version, hmp_info_name, hmp_info_uuid, hmp_info_vm_generation_id, hmp_info_status, hmp_info_cpus, hmp_info_registers, hmp_info_mtree, hmp_info_qtree,
    hmp_info_qom_tree, hmp_info_pic, hmp_info_irq, hmp_info_lapic, hmp_info_pci, hmp_info_block, hmp_info_blockstats, hmp_info_chardev, hmp_info_roms,
    hmp_info_jit, hmp_info_mice, hmp_info_usb, hmp_info_kvm, hmp_info_network, hmp_info_memory_size_summary, hmp_info_memory_devices, hmp_info_iothreads, hmp_info_memdev,
    hmp_info_snapshots, hmp_info_balloon, hmp_info_numa, hmp_info_hotpluggable_cpus;

/* hmp-stats.c */
EmuHmpFunc hmp_info_stats;
