# SPDX-License-Identifier: MIT
# The C library of services: the listed parts of musl, unmodified, and the glue under them.
MUSL := third_party/musl

# Headers, as musl's own `make install-headers` would lay them out. They keep the times of the source
# package, so that installing them again does not compile everything again.
MUSL_HEADERS := $(O)/musl/.installed
$(MUSL_HEADERS): $(MUSL)/VERSION lib/libc/build.mk
	$(call say,HDR,$(O)/musl/include)
	$(Q)rm -rf $(O)/musl && mkdir -p $(O)/musl/include
	$(Q)cp -Rp $(MUSL)/include/. $(O)/musl/include/
	$(Q)mkdir -p $(O)/musl/include/bits
	$(Q)cp -p $(MUSL)/arch/generic/bits/*.h $(O)/musl/include/bits/
	$(Q)cp -p $(MUSL)/arch/x86_64/bits/*.h $(O)/musl/include/bits/
	$(Q)sed -f $(MUSL)/tools/mkalltypes.sed $(MUSL)/arch/x86_64/bits/alltypes.h.in \
	    $(MUSL)/include/alltypes.h.in > $(O)/musl/include/bits/alltypes.h
	$(Q)sed -e 's/__NR_/SYS_/p' $(MUSL)/arch/x86_64/bits/syscall.h.in > $(O)/musl/include/bits/syscall.h
	$(Q)touch -r $(MUSL)/VERSION $(O)/musl/include/bits/alltypes.h $(O)/musl/include/bits/syscall.h
	$(Q)touch $@
USER_PREREQUISITES += $(MUSL_HEADERS)

# memcpy, memmove, memset and memcmp are lib/rt/mem.c.
MUSL_STRING := bcmp bcopy bzero explicit_bzero index memccpy memchr memmem mempcpy memrchr rindex stpcpy \
    stpncpy strcasecmp strcasestr strcat strchr strchrnul strcmp strcpy strcspn strdup strerror_r strlcat \
    strlcpy strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk strrchr strsep strspn \
    strstr strtok strtok_r strverscmp swab wcschr wcscmp wcscpy wcslen wcsncmp wcsnlen wmemchr wmemcpy \
    wmemmove wmemset
MUSL_CTYPE := __ctype_b_loc __ctype_get_mb_cur_max __ctype_tolower_loc __ctype_toupper_loc isalnum isalpha \
    isascii isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper iswalnum iswalpha \
    iswblank iswcntrl iswctype iswdigit iswgraph iswlower iswprint iswpunct iswspace iswupper iswxdigit \
    isxdigit toascii tolower toupper towctrans wcwidth
MUSL_STDLIB := abs atof atoi atol atoll bsearch div imaxabs imaxdiv labs ldiv llabs lldiv qsort qsort_nr \
    strtod strtol
MUSL_INTERNAL := floatscan intscan libc procfdname shgetc syscall_ret
MUSL_STDIO := __fdopen __fmodeflags __overflow __stdio_close __stdio_exit __stdio_read __stdio_seek \
    __stdio_write __stdout_write __toread __towrite __uflow asprintf clearerr fclose feof ferror fflush \
    fgetc fgets fileno fopen fprintf fputc fputs fread fscanf fseek ftell fwide fwrite getc getchar ofl \
    ofl_add perror printf putc putchar puts remove rename rewind setbuf setvbuf snprintf sprintf sscanf \
    stderr stdin stdout ungetc vasprintf vfprintf vfscanf vprintf vsnprintf vsprintf vsscanf
MUSL_TIME := __map_file __month_to_secs __secs_to_tm __tm_to_secs __tz __year_to_secs asctime asctime_r clock \
    clock_gettime ctime ctime_r difftime gettimeofday gmtime gmtime_r localtime localtime_r mktime strftime \
    time timegm
MUSL_MISC := a64l basename dirname ffs ffsl ffsll getopt getopt_long getsubopt
MUSL_SEARCH := hsearch insque lsearch tdelete tdestroy tfind tsearch twalk
MUSL_PRNG := __rand48_step __seed48 seed48 drand48 lrand48 mrand48 rand rand_r random srand48
MUSL_LOCALE := __lctrans c_locale langinfo localeconv strcoll strxfrm
MUSL_MULTIBYTE := btowc internal mblen mbrlen mbrtowc mbsinit mbsrtowcs mbstowcs mbtowc wcrtomb wcsrtombs \
    wcstombs wctob wctomb
MUSL_MATH := __cos __fpclassifyl __signbitl __fpclassify __math_divzero __math_invalid __math_oflow __math_uflow \
    __math_xflow __rem_pio2 __rem_pio2_large __signbit __sin __tan acos asin atan atan2 ceil copysign copysignl cos \
    exp exp_data fabs fabsl floor fmod fmodl frexp frexpl ldexp log log_data modf pow pow_data scalbn scalbnl sin \
    sqrt sqrt_data tan
MUSL_UNISTD := access close fsync ftruncate getegid geteuid getgid getpid getuid isatty link lseek pread pwrite \
    read readlink rmdir symlink unlink write
MUSL_STAT := chmod fchmod fstat fstatat lstat mkdir stat umask
MUSL_PARTS := $(foreach d,string ctype stdlib internal stdio time misc search prng locale multibyte math unistd stat, \
    $(addprefix $(d)/,$(MUSL_$(shell echo $(d) | tr a-z A-Z)))) \
    errno/__errno_location errno/strerror env/__environ env/getenv env/secure_getenv fcntl/open mman/munmap \
    mman/mmap misc/ioctl network/htonl network/htons network/ntohl network/ntohs termios/tcgetattr termios/tcsetattr
MUSL_SOURCES := $(MUSL_PARTS:%=$(MUSL)/src/%.c) $(MUSL)/src/setjmp/x86_64/setjmp.s $(MUSL)/src/setjmp/x86_64/longjmp.s

# The order matters: our arch headers hide musl's for x86_64 Linux, its internal ones hide the public ones.
MUSL_FLAGS := -std=c99 -D_XOPEN_SOURCE=700 -frounding-math -w -Ilib/libc/arch -I$(MUSL)/arch/x86_64 \
    -I$(MUSL)/arch/generic -I$(MUSL)/src/include -I$(MUSL)/src/internal

# What musl cannot see of the sources before they are fetched, make must not ask for.
$(MUSL_SOURCES) $(MUSL)/VERSION: ;

$(eval $(call user_lib,musl,$(MUSL_SOURCES) lib/libc/thread.c,$(MUSL_FLAGS)))
$(eval $(call user_lib,libc_glue,lib/libc/glue.c,-D_GNU_SOURCE))

# One archive of both, so that a service names one library.
$(O)/lib/libc.a: $(O)/lib/musl.a $(O)/lib/libc_glue.a
	$(call say,AR,$@)
	$(Q)rm -f $@ && printf 'create $@\naddlib $(O)/lib/musl.a\naddlib $(O)/lib/libc_glue.a\nsave\nend\n' | $(AR) -M
ALL_TARGETS += $(O)/lib/libc.a

# The archive that services link, tried out in a Linux program that contains nothing else.
$(eval $(call user_lib,libc_test,lib/libc/test/host.c lib/libc/test/smoke.c,-D_GNU_SOURCE))
$(O)/test/libc: $(O)/lib/libc_test.a $(O)/lib/libc.a $(O)/lib/rt_mem.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LD) -static -e _start -o $@ --whole-archive $(O)/lib/libc_test.a --no-whole-archive $(O)/lib/libc.a $(O)/lib/rt_mem.a
$(O)/test/libc.passed: $(O)/test/libc
	$(call say,TEST,$<)
	$(Q)$< > $<.log || { cat $<.log; exit 1; }
	@grep -E 'PASSED|FAILED' $<.log; touch $@
HOST_TESTS += libc
