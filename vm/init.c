// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of every VM of the harness.
 *
 * /etc/cohgpu/job tells what to do, as KEY=VALUE lines that also become the
 * environment of everything that runs:
 *
 *   MODE=run     /etc/cohgpu/command on the terminal (hvc0); with JUDGED=1 reports in
 *                the kernel's log are problems there, too
 *   MODE=check   the suites, one after the other, then the checks of the whole
 *   UNTIL=report no suite after one of which the kernel's log has a report, nothing
 *                after a process that cannot be killed
 *
 * The console is the log. What counts goes over the virtio port
 * "cohgpu.results": in check mode the suites' own KTAP between lines that start
 * with "@", which only we write at the beginning of a line:
 *
 *   @suite NAME            from here on the suite's output
 *   @end NAME STATUS SECS  how it ended: "exit N", "signal N", "time-out"
 *   @problem WHERE TEXT    something no suite said: the kernel log, a leak
 *   @exit N                run mode: the command's status
 *   @verdict               written last; without it nothing before it counts
 *
 * A suite that leaves the file INIT_AGAIN has the machine boot once more, when all
 * of this is done, where others power it off.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define INIT_AGAIN "/run/cohgpu.again"

static int init_results = -1;

double init_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Over the results port and, for whoever reads the log, to the kernel's. */
void init_result(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n, log;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (log >= 0) {
		dprintf(log, "<12>cohgpu: %.*s", n, line);
		close(log);
	}
	line[n++] = '\n';
	if (init_results >= 0 && write(init_results, line, (size_t)n) != n)
		perror("init: results: write");
}

static void init_die(const char *what)
{
	init_result("@problem init %s: %s", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void init_mount(const char *type, const char *where)
{
	mkdir(where, 0755);
	/* devtmpfs may be there already; configfs comes with its module. */
	if (mount(type, where, type, 0, NULL) && errno != EBUSY && errno != ENODEV)
		init_die(where);
}

static void init_mounts(void)
{
	init_mount("proc", "/proc");
	init_mount("sysfs", "/sys");
	init_mount("devtmpfs", "/dev");
	init_mount("devpts", "/dev/pts");
	init_mount("tmpfs", "/dev/shm");
	init_mount("tmpfs", "/tmp");
	init_mount("tmpfs", "/run");
	init_mount("debugfs", "/sys/kernel/debug");
	if (symlink("/proc/self/fd", "/dev/fd") && errno != EEXIST)
		init_die("/dev/fd");
}

void init_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		dprintf(2, "init: %s: write %s: %s\n", path, text, strerror(errno));
	close(fd);
}

/* The job's lines become our environment, hence everybody's. */
static void init_read_job(void)
{
	static char text[16384];
	char *line, *save = NULL, *eq;
	int fd = open("/etc/cohgpu/job", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		init_die("/etc/cohgpu/job");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		init_die("/etc/cohgpu/job");
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		eq = strchr(line, '=');
		if (!eq)
			continue;
		*eq = '\0';
		setenv(line, eq + 1, 1);
	}
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin:/tests/bin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("TERM", "linux", 1);
}

const char *init_env(const char *key, const char *otherwise)
{
	const char *value = getenv(key);

	return value && *value ? value : otherwise;
}

/* A command with the console as its output; its exit status, -1 for anything else. */
int init_sh(const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int init_open_port(const char *name)
{
	char path[64], text[64];
	int i, fd;
	ssize_t n;

	for (i = 1; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport0p%d/name", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (n <= 0 || strncmp(text, name, strlen(name)))
			continue;
		snprintf(path, sizeof(path), "/dev/vport0p%d", i);
		return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

static void init_await_results(void)
{
	int i;

	for (i = 0; i < 100 && init_results < 0; i++) {
		init_results = init_open_port("cohgpu.results");
		if (init_results < 0)
			usleep(100000);
	}
	if (init_results < 0)
		init_die("virtio port cohgpu.results");
}

/*
 * Run mode. The terminal is hvc0, or hvc1 where the firmware's console is hvc0;
 * a host that only collects the output wants its bytes unchanged (RAW=1).
 */
static void init_terminal(void)
{
	struct termios tio;
	int fd;

	setsid();
	fd = open("/dev/hvc1", O_RDWR);
	if (fd < 0)
		fd = open("/dev/hvc0", O_RDWR);
	if (fd < 0)
		_exit(126);
	ioctl(fd, TIOCSCTTY, 0);
	if (!strcmp(init_env("RAW", "0"), "1") && !tcgetattr(fd, &tio)) {
		cfmakeraw(&tio);
		tcsetattr(fd, TCSANOW, &tio);
	}
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

static int init_run(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		init_terminal();
		if (chdir("/tmp"))
			_exit(126);
		execl("/bin/sh", "sh", "/lib/cohgpu/run", (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		init_die("fork");
	/* Orphans end up here too: collect them while waiting. */
	for (;;) {
		pid_t got = wait(&status);

		if (got == pid || (got < 0 && errno == ECHILD))
			break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Forward what is there; 0 at end of file. */
static int init_forward(int fd, bool *at_start)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf)), i;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	/* A line of a suite never looks like one of ours. */
	for (i = 0; i < n; i++) {
		if (*at_start && buf[i] == '@')
			buf[i] = '#';
		*at_start = buf[i] == '\n';
	}
	if (write(init_results, buf, (size_t)n) != n)
		init_die("results");
	if (write(1, buf, (size_t)n) < 0)
		return 1;
	return 1;
}

static pid_t init_start(const char *path, const char *args, int *out)
{
	char command[16384];
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		init_die("pipe");
	pid = fork();
	if (pid < 0)
		init_die("fork");
	if (pid == 0) {
		setsid();
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		if (chdir("/tmp"))
			_exit(126);
		snprintf(command, sizeof(command), "exec %s %s", path, args);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*out = fds[0];
	return pid;
}

/* How a suite ends that was not to go on (lib/ktap.c), where UNTIL says so. */
#define INIT_STUCK "exit 3"

/*
 * One suite. It ends when its process does; at the time-out, everything but us
 * is killed, and what cannot be killed (D state) is left behind. False: it says
 * that a process cannot be killed, after which, where reports count, nothing does.
 */
static bool init_suite(const char *name, const char *args, double limit)
{
	char path[512], how[64] = "time-out";
	struct pollfd pfd = {.events = POLLIN};
	double start = init_now(), end = start + limit;
	bool at_start = true, open_pipe = true;
	int status;
	pid_t pid, got = 0;

	snprintf(path, sizeof(path), "/tests/suites/%s", name);
	init_result("@suite %s", name);
	pid = init_start(path, args, &pfd.fd);
	while (got != pid && init_now() < end) {
		if (open_pipe && poll(&pfd, 1, 100) > 0)
			open_pipe = init_forward(pfd.fd, &at_start);
		else if (!open_pipe)
			usleep(20000);
		while (got != pid && (got = waitpid(-1, &status, WNOHANG)) > 0)
			;
	}
	if (got == pid && WIFEXITED(status))
		snprintf(how, sizeof(how), "exit %d", WEXITSTATUS(status));
	else if (got == pid)
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	kill(-1, SIGKILL);
	for (end = init_now() + 5; init_now() < end && waitpid(-1, &status, WNOHANG) >= 0;)
		usleep(10000);
	while (open_pipe && poll(&pfd, 1, 0) > 0)
		open_pipe = init_forward(pfd.fd, &at_start);
	close(pfd.fd);
	if (!at_start)
		init_result("#");
	init_result("@end %s %s %.1f", name, how, init_now() - start);
	return strcmp(how, INIT_STUCK);
}

/* At once, without what waits for the process that is stuck; and no verdict. */
static void init_give_up(void)
{
	usleep(100000);
	init_write("/proc/sysrq-trigger", "b");
	for (;;)
		pause();
}

/* SUITES: names, each perhaps with arguments after a colon: "config region:bar4,bar2". */
static void init_suites(void)
{
	char *list = strdup(init_env("SUITES", "")), *save = NULL, *name, *args, *c;
	bool until_report = !strcmp(init_env("UNTIL", ""), "report"), goes_on;
	double limit = atof(init_env("SUITE_TIMEOUT", "600"));

	for (name = strtok_r(list, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		args = strchr(name, ':');
		if (args)
			*args++ = '\0';
		for (c = args; c && *c; c++)
			if (*c == ',')
				*c = ' ';
		goes_on = init_suite(name, args ? args : "", limit);
		if (until_report && !goes_on)
			init_give_up();
		/* Sanitizers report once. */
		if (init_scan_log(name) && until_report)
			break;
	}
	free(list);
}

static void init_check(void)
{
	init_scan_log("boot");
	init_leaks_before();
	if (init_sh("/lib/cohgpu/load"))
		init_result("@problem load a module does not load, see console.log");
	init_scan_log("load");
	init_suites();
	if (init_sh("/lib/cohgpu/unload"))
		init_result("@problem unload a module of ours cannot be unloaded, see console.log");
	init_leaks_after();
	init_scan_log("unload");
	init_taint();
}

static void init_run_judged(void)
{
	bool judged = !strcmp(init_env("JUDGED", "0"), "1");
	int status;

	if (judged)
		init_scan_log("boot");
	status = init_run();
	if (judged)
		init_scan_log("run");
	init_result("@exit %d", status);
}

int main(void)
{
	init_mounts();
	init_read_job();
	init_sh("/lib/cohgpu/boot");
	init_await_results();
	if (!strcmp(init_env("MODE", "run"), "check"))
		init_check();
	else
		init_run_judged();
	if (strcmp(init_env("PLANT_NO_VERDICT", "0"), "1"))
		init_result("@verdict");
	sync();
	/* The port and the terminal are written through; the console needs a moment. */
	usleep(100000);
	reboot(access(INIT_AGAIN, F_OK) ? RB_POWER_OFF : RB_AUTOBOOT);
	for (;;)
		pause();
}
