// aml.h: writing ACPI machine language: the few constructs that a generated SSDT needs.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// ACPI 6.4, chapter 20. A package (scope, device, method, processor) is opened with aml_open_*() and closed
// with aml_close(), which puts its length in; they nest. Names are the four characters of a NameSeg, shorter
// ones are padded with '_'. Errors stay in the blob's `failed`.
#ifndef BERTH_FIRMWARE_AML_H
#define BERTH_FIRMWARE_AML_H

#include <stddef.h>
#include <stdint.h>

#include "hw/firmware/blob.h"

// A place in the blob that aml_close() needs.
struct aml_mark { size_t at; };

// PATH is "\\_SB_.PCI0" style: an optional backslash, then segments with dots, at most 255.
struct aml_mark aml_open_scope(struct blob *b, const char *path);
struct aml_mark aml_open_device(struct blob *b, const char *name);
struct aml_mark aml_open_method(struct blob *b, const char *name, unsigned args);
// P_BLK_LEN 0 or 6. Numbers up to FEh only: FFh is reserved, more processors need devices.
struct aml_mark aml_open_processor(struct blob *b, const char *name, uint8_t id, uint32_t p_blk,
				   uint8_t p_blk_len);
// Of COUNT elements (at most 255), which follow as data.
struct aml_mark aml_open_package(struct blob *b, unsigned count);
void aml_close(struct blob *b, struct aml_mark mark);

// If, While: the predicate is written next, then what is done.
struct aml_mark aml_open_if(struct blob *b);
struct aml_mark aml_open_while(struct blob *b);
// Buffer of LEN bytes.
void aml_buffer(struct blob *b, const void *data, size_t len);
// OperationRegion NAME of configuration space, and a field of it that is written word by word: one unit of BITS,
// from the region's begin.
void aml_pci_region(struct blob *b, const char *name, uint8_t offset, uint8_t length);
void aml_word_field(struct blob *b, const char *region, const char *unit, unsigned bits);
// ArgN and LocalN as operands; LEqual, and Store (what, then where to), whose two operands are written next.
void aml_arg(struct blob *b, unsigned n);
void aml_local(struct blob *b, unsigned n);
void aml_store(struct blob *b);
void aml_equal(struct blob *b);
// Notify of the object at PATH; the number is written next.
void aml_notify(struct blob *b, const char *path);
// NameOp with the object that is written next.
void aml_name(struct blob *b, const char *name);
// Data: the shortest encoding of V; a NUL-terminated ASCII string; an EISA ID such as "PNP0A03".
void aml_int(struct blob *b, uint64_t v);
void aml_string(struct blob *b, const char *s);
void aml_eisa_id(struct blob *b, const char *id);
void aml_path(struct blob *b, const char *path);
// Return with the object that is written next.
void aml_return(struct blob *b);

// Sets the DWordConst that Name(NAME, ...) holds in AML (LEN bytes of a compiled table) to VALUE. False when
// there is not exactly one such name.
bool aml_patch_dword(uint8_t *aml, size_t len, const char *name, uint32_t value);

#endif
