// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzzer's corpus begins with, so that every kind is served on any machine. A number is hex:
 * kind.thread.target.base.how.delta.len.value. Targets: 0 a window, 1 the other one, 8 config space.
 */
#include "fuzz.h"

#define MAP_WHOLE "mmap.0.0.0.18.0.0.0"
#define LOAD	  "load.0.0.0.0.0.0.0"
#define LOAD_END  "load.0.0.1.0.0.0.0"
#define STORE	  "store.0.0.0.0.8.0.1234"
#define OFF	  "enable.0.0.0.0.0.0.0"
#define ON	  "enable.0.0.0.0.0.0.1"
#define READ	  "read.0.0.0.0.0.8.0"

const char *const fz_seeds[] = {
	/* across the memory's end, and the region's */
	"write.0.0.1.0.ffffffc0.80.5,read.0.0.1.0.ffffffc0.80.5,writev.0.1.1.0.ffffffc0.80.6,"
	"readv.0.1.1.0.ffffffc0.80.6,read.0.0.2.0.ffffffff.8.0,read.0.0.2.0.0.8.0",
	"write.0.0.0.0.0.8.7,read.0.0.0.0.0.8.7,writev.0.0.0.0.0.18.1,readv.0.0.0.0.0.18.1",
	/* BARs in pieces, everything */
	"write.0.8.0.0.1b.a.3,read.0.8.0.0.16.14.0,read.0.8.0.0.0.100.0,write.0.8.0.0.10.18.9,"
	"read.0.8.0.0.10.18.0",
	MAP_WHOLE "," LOAD "," STORE "," LOAD_END ",munmap.0.0.0.3.0.0.0," LOAD
		  ",munmap.0.0.0.1.0.0.0,munmap.0.0.0.2.0.0.0," LOAD ",mremap.0.0.0.0.0.0.0," LOAD,
	MAP_WHOLE "," LOAD ",mprotect.0.0.0.0.0.0.1," STORE "," LOAD
		  ",mprotect.0.0.0.0.0.0.2," STORE
		  ",madvise.0.0.0.0.0.0.7,madvise.0.0.0.0.0.0.8,fork.0.0.0.0.0.0.0",
	MAP_WHOLE "," LOAD "," OFF "," LOAD "," READ "," ON "," LOAD "," READ,
	MAP_WHOLE "," LOAD ",power.0.0.0.0.0.0.3," LOAD "," READ ",power.0.0.0.0.0.0.0," LOAD
		  "," READ,
	MAP_WHOLE "," STORE ",reset.0.0.0.0.0.0.0," LOAD "," READ,
	MAP_WHOLE "," STORE ",flr.0.0.0.0.0.0.0," LOAD "," READ,
	"write.0.8.0.0.20.8.9,hot-reset.0.0.0.0.0.0.0,read.0.8.0.0.20.8.0," READ,
	MAP_WHOLE "," LOAD ",low-power.0.0.0.0.0.0.0," LOAD "," READ
		  ",low-power.0.0.0.0.0.0.3," LOAD,
	"export.0.0.0.5.0.100000.0,attach.0.0.0.2.0.1000.0," OFF "," ON ",attach.0.0.0.3.0.1000.0",
	"irqs.0.3.0.0.0.0.0,ioeventfd.0.b.0.12.0.0.8,feature.0.0.0.10.0.0.1,"
	"region-info.0.4.0.0.0.0.27,region-info.0.9.0.0.0.0.27,info.0.0.0.0.0.0.8,info.0.0.2.0.0.0."
	"20,"
	"raw.0.0.0.0.0.0.8",
	/* the buffer is the window, or ends, or is nowhere */
	MAP_WHOLE ",write.0.0.4.8.0.10000.0,read.0.0.0.8.0.1000.0,read.0.0.0.9.0.4000.64,"
		  "write.0.0.0.a.0.4000.64,read.0.0.0.b.0.10.0,write.0.0.1.a.fffff000.4000.64",
	/* registers are written from a window */
	MAP_WHOLE ",write.0.8.0.0.20.8.3,write.0.8.0.8.20.8.0,read.0.8.0.0.0.100.0",
	/* two threads */
	MAP_WHOLE
	"," LOAD ",enable.1.0.0.0.0.0.0," LOAD "," READ ",enable.1.0.0.0.0.0.1," LOAD "," READ
	",read.1.0.0.0.0.1000.0,mmap.1.0.0.18.0.0.0,load.1.0.0.0.0.0.0,munmap.1.0.0.0.0.0.0",
	MAP_WHOLE "," LOAD ",reset.1.0.0.0.0.0.0," LOAD "," READ "," LOAD,
	/* one program after the other: registers after a sleep that nobody followed */
	"write.0.8.0.0.20.8.3",
	"low-power.0.0.0.0.0.0.0,munmap.1.0.0.0.0.0.0",
	"read.0.8.0.0.0.100.0",
	NULL,
};
