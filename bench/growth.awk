# SPDX-License-Identifier: GPL-2.0-only
# Figures of bench/run over several windows to a table with the laws of bench/laws.
# A law holds when the largest window costs at most what it says, going by the smallest
# of more than 1 GiB, and a fifth more, or so many times as much as the rule has room for. With
# -v data=FILE, the figures go there too; with -v only=PATTERN, only those operations.

# law_of OP: the law, and sets `room`.
function law_of(op, i) {
	for (i = 1; i <= rules; i++)
		if (fits(rule_op[i], op)) {
			room = rule_room[i]
			return rule_law[i]
		}
	return "none"
}

function verdict(key, law, first, last, ratio) {
	if (law == "none") { lawless++; return " | no law |" }
	if (first == last) { lonely++; return " | measured once |" }
	# Nothing, of whatever size, costs nothing.
	ratio = !value[key, last] && !value[key, first] ? 1 : !value[key, first] ? 99 : value[key, last] / value[key, first]
	if (law == "byte") ratio /= mapped[key, last] / mapped[key, first]
	if (ratio < room) held++; else broken++
	return sprintf(" %.2f | %s |", ratio, ratio < room ? "holds" : "broken")
}

function row(key, i, w, law, first, last, line) {
	line = ""
	for (i = 1; i <= windows; i++) {
		w = window[i]
		line = line sprintf(" %s |", figure(value[key, w]))
		if (value[key, w] == "") continue
		last = w
		# In a small window, what happens once is much of the cost.
		if (first == "" || first <= 1) first = w
		if (data != "") print key, w, value[key, w] > data
	}
	law = law_of(name[key])
	printf "| %s |%s %s |%s\n", key, line, law == "byte" ? "per byte" : law, verdict(key, law, first, last)
}

BEGIN {
	while ((getline text < laws) > 0) {
		if (text ~ /^#/ || (fields = split(text, field, " ")) < 2) continue
		rules++
		rule_op[rules] = field[1]
		rule_law[rules] = field[2]
		rule_room[rules] = fields > 2 ? field[3] : 1.2
	}
}

/^# kernel: / { kernel = $3 ($4 == "" ? "" : " (" $4 ")") }
/^# ours: .* GiB$/ {
	now = $4
	if (!(now in known)) { known[now] = 1; window[++windows] = now }
}
($1 == "cost" || $1 == "bytes" || $1 == "hold") && $4 == "ours" && (only == "" || fits(only, $2)) {
	key = $1 == "bytes" ? "page tables after " $2 : $2
	if ($1 == "hold") sub(/:/, " held at most, ", key)
	if ($1 == "cost" && $2 ~ /^(read|write)-/) key = key " " size_name($3)
	if (!(key in name)) { name[key] = $1 == "cost" ? $2 : $1 ":" $2; order[++n] = key }
	value[key, now] = $1 == "cost" ? $6 : $5
	mapped[key, now] = $3
}

END {
	printf "\nInstructions by size of the window (of page tables, bytes), kernel %s\n\n| operation |", kernel
	for (i = 1; i <= windows; i++) printf " %s GiB |", window[i]
	printf " law | by it | |\n|---|"
	for (i = 1; i <= windows; i++) printf "---:|"
	print "---|---:|---|"
	for (i = 1; i <= n; i++) row(order[i])
	printf "\n%d laws hold, %d broken; %d figures without a law, %d measured once\n", held, broken, lawless, lonely
	exit !held || broken || lawless || lonely
}
