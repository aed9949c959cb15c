# SPDX-License-Identifier: GPL-2.0-only
# make demo       what this project is, in one VM (arm64, Debian's 6.12, a GH200 with 96 GiB) and a guest in it;
#                 PRESET=v100-32: the same of a V100 on POWER9
# make check      the quick tests             make check-all   every lane, every kernel
# make check-guests   every QEMU and kernel that guests are run with
# make check-packages   the packages, in a fresh Debian 12 and 13: ten minutes
# make bench      our driver against the kernel's own, instruction by instruction: docs/performance.md
# make fuzz       the fuzzers, until interrupted; PARTS="span ready" for some of them, "device" for the one in a VM
# make coverage   lines and branches of kernel/ that the tests run; compiles a kernel that counts, once
# make mutants    every planted bug, in unit tests and VMs: which must see it
# make modules KDIR=<kernel build tree> [ARCH= CROSS_COMPILE=] [OUT=<folder>]
# make tool       build/tool/cohgpu, the operators' command; vm/setup tool installs what it needs
# make install    the command, its manual pages and completions; with KDIR=<kernel build tree> the drivers, too
# make uninstall  the same, away; both take PREFIX (/usr/local) and DESTDIR
# make setup      host packages               make fetch       kernels into the cache
# make deb        Debian packages into build/deb; vm/setup deb installs what that needs
# make format     clang-format over user space

# make help       this

.PHONY: help demo check check-all check-guests check-packages bench fuzz coverage mutants modules tool install uninstall deb setup fetch format clean

help:
	@sed -n 's/^# \(make\|  *P\)/\1/p' Makefile

demo:
	@vm/demo $(PRESET)

check:
	@COHGPU_QUICK=$${COHGPU_QUICK-1} vm/matrix quick

check-all:
	@vm/matrix all

check-guests: setup
	@vm/check-guests

check-packages: setup
	@packaging/test bookworm
	@packaging/test trixie

bench: setup
	@bench/all

mutants: setup
	@tests/harness/mutants

fuzz: setup
	@verify/fuzz/run forever $(PARTS)

coverage: setup
	@verify/coverage

modules:
	@$(MAKE) --no-print-directory -C kernel modules $(if $(KDIR),KDIR="$(abspath $(KDIR))") \
		$(if $(OUT),OUT="$(abspath $(OUT))")

deb:
	@packaging/build

tool:
	@test -e build/tool/build.ninja || meson setup build/tool tool
	@ninja -C build/tool

install uninstall:
	@packaging/install $@ tool $(if $(KDIR),modules KDIR="$(abspath $(KDIR))" $(if $(OUT),OUT="$(abspath $(OUT))"))

setup:
	@vm/setup

fetch: setup
	@vm/fetch $$(awk '!/^#/ && NF && $$4 != "dkms" { print "kernel/" $$2 "-" $$3; print "busybox/" $$2; if (sub(/^guests=/, "", $$5)) { split($$5, g, ","); print (g[2] == "libvirt" ? g[2] : "qemu") "/" $$2 "-" g[1] } }' vm/lanes | sort -u) source/6.12

format:
	@git ls-files '*.c' '*.h' | grep -v -E '^(kernel/|tests/harness/planted/)' | xargs clang-format -i

clean:
	@rm -rf build
