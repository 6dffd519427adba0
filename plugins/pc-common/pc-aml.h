/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Pieces of AML (ACPI 6.3, chapter 20) for tables that depend on what the machine has. */

#include "pc-acpi.h"

#define PC_AML_ZERO 0x00
#define PC_AML_NAME 0x08
#define PC_AML_SCOPE 0x10
#define PC_AML_METHOD 0x14
#define PC_AML_DUAL_NAME 0x2e
#define PC_AML_EXT 0x5b
#define PC_AML_EXT_DEVICE 0x82
#define PC_AML_ARG0 0x68
#define PC_AML_ARG1 0x69
#define PC_AML_STORE 0x70
#define PC_AML_AND 0x7b
#define PC_AML_NOTIFY 0x86
#define PC_AML_IF 0xa0
#define PC_AML_RETURN 0xa4

/* Four characters. */
void pc_aml_add_name(GByteArray *out, const char *name);
void pc_aml_add_word(GByteArray *out, unsigned value);
void pc_aml_add_dword(GByteArray *out, uint32_t value);
/* Method (NAME, n_args) { [Return] (CALLEE (index, ...)) }: @index, then @n_extra bytes of AML. */
void pc_aml_add_call(GByteArray *out, const char *name, uint8_t n_args, bool returns, const char *callee, unsigned index, const uint8_t *extra,
                     gsize n_extra);
/* If (Arg0 == index) { Notify (NAME, Arg1) } */
void pc_aml_add_notify(GByteArray *out, const char *name, unsigned index);
/* Method (\_GPE._Exx) { AML }: what a general purpose event does. */
void pc_aml_add_event(GByteArray *out, unsigned gpe, const uint8_t *aml, gsize len);
/* @content behind its length, which counts itself. Consumes @content. */
void pc_aml_add_package(GByteArray *out, GByteArray *content);
