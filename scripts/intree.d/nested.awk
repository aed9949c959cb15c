# SPDX-License-Identifier: GPL-2.0-only
# Of two nested conditions that are the same, one goes; what is for all else and
# follows what is for all else becomes one. Questions that compat.h has apart have
# the same answer in one kernel, which makes such.
function release() {
	if (held != "")
		printf "%s", held
	held = ""
}

held != "" && $0 == "" {
	held = held "\n"
	next
}

held != "" && $0 == "#ifndef " otherwise {
	held = ""
	origin[++depth] = $0
	print ""
	next
}

{ release() }

/^#if/ {
	drop = 0
	for (i = 1; i <= depth; i++)
		drop = drop || origin[i] == $0 && !in_else[i]
	origin[++depth] = $0
	in_else[depth] = 0
	if (dropped[depth] = drop)
		next
}

/^#else/ {
	if (dropped[depth]) {
		print "an #else within the same condition" > "/dev/stderr"
		exit 1
	}
	in_else[depth] = 1
}

/^#endif/ {
	i = depth--
	if (dropped[i])
		next
	if (in_else[i] && origin[i] ~ /^#ifdef /) {
		otherwise = substr(origin[i], 8)
		held = $0 "\n"
		next
	}
}

{ print }

END { release() }
