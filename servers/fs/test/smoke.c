#include "servers/fs/test/bed.h"
#include "servers/fs/operations.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define OK(x) do { int e_ = (x); if (e_) { printf("%s:%d %s -> %d\n", __FILE__, __LINE__, #x, e_); exit(1); } } while (0)
int main(int argc, char **argv)
{
    struct bed b; static uint8_t buf[1<<20], in[1<<20]; size_t n; uint64_t id; char p[100];
    bed_make(&b, argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "256M");
    bed_mount(&b, 16<<20, false);
    printf("mode %d reason %d bs %u\n", b.v.mode, b.v.reason, block_bytes(&b.v));
    OK(bed_mkdir(&b, "/d"));
    for (int i = 0; i < 1000; i++) { snprintf(p, 100, "/d/f%d", i); OK(bed_open(&b, p, FS_WRITE|FS_CREATE|FS_EXCLUSIVE, &id)); OK(bed_write(&b, id, 0, buf, 1024, &n)); OK(bed_close(&b, id)); }
    for (int i = 0; i < 1000; i+=3) { snprintf(p, 100, "/d/f%d", i); OK(bed_unlink(&b, p)); }
    OK(bed_open(&b, "/big", FS_READ|FS_WRITE|FS_CREATE, &id));
    for (size_t i = 0; i < sizeof buf; i++) buf[i] = i * 31 >> 3;
    for (int i = 0; i < 32; i++) { OK(bed_write(&b, id, (uint64_t)i << 20, buf, 1<<20, &n)); if (n != 1<<20) exit(2); }
    OK(bed_rename(&b, "/d", "/e"));
    OK(bed_symlink(&b, "/e/f1", "/s"));
    for (int i = 0; i < 32; i++) { OK(bed_read(&b, id, (uint64_t)i << 20, in, 1<<20, &n)); if (n != 1<<20 || memcmp(in, buf, n)) { printf("differs %d\n", i); exit(2);} }
    OK(bed_close(&b, id));
    OK(bed_unmount(&b));
    printf("fsck %d\n", bed_fsck(&b, "-n"));
    bed_remove(&b);
    return 0;
}
