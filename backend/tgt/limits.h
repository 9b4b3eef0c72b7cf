#pragma once

/*
 * What the block limits VPD page (SBC-3 6.6.4) announces and cdb.cc enforces, so that every command ends in bounded
 * time (docs/tgt.md, trap 17). Plain C: the module's C files read it too.
 */
enum {
    dst_transfer_bytes_max = 32 << 20, /* READ, WRITE, ORWRITE, WRITE AND VERIFY, VERIFY with data */
    dst_transfer_bytes_best = 1 << 20, /* optimal transfer length */
    dst_range_bytes_max = 256 << 20,   /* UNMAP (all descriptors together), WRITE SAME, VERIFY without data */
    dst_compare_blocks_max = 128,      /* COMPARE AND WRITE; the field has one byte */
    dst_unmap_descriptors_max = 256
};
