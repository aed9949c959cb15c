# SPDX-License-Identifier: GPL-2.0-only
# Figures of bench/run over several windows to a table with the laws of bench/laws.
# A law holds when the largest window costs what it says, going by the smallest of
# more than 1 GiB, to within a fifth. With -v data=FILE, the figures go there too.

function law_of(op, i) {
	for (i = 1; i <= rules; i++)
		if (fits(rule_op[i], op)) return rule_law[i]
	return ""
}

function row(key, i, w, law, first, last, line, ratio, good) {
	line = ""
	for (i = 1; i <= windows; i++) {
		w = window[i]
		line = line sprintf(" %s |", figure(value[key, w]))
		if (value[key, w] == "") continue
		last = w
		# In a small window, what happens once is much of the cost.
		if (first == "" && w > 1) first = w
		if (data != "") print key, w, value[key, w] > data
	}
	law = law_of(name[key])
	if (law == "" || first == last) return
	ratio = law == "byte" ? (value[key, last] / mapped[key, last]) / (value[key, first] / mapped[key, first]) : \
		value[key, last] / value[key, first]
	good = ratio < 1.2
	good ? held++ : broken++
	printf "| %s |%s %s | %.2f | %s |\n", key, line, law == "byte" ? "per byte" : law, ratio, good ? "holds" : "broken"
}

BEGIN {
	while ((getline text < laws) > 0) {
		if (text ~ /^#/ || split(text, field, " ") != 2) continue
		rules++
		rule_op[rules] = field[1]
		rule_law[rules] = field[2]
	}
}

/^# kernel: / { kernel = $3 }
/^# ours: .* GiB$/ {
	now = $4
	if (!(now in known)) { known[now] = 1; window[++windows] = now }
}
$1 == "cost" && $4 == "ours" {
	key = $2
	if ($2 ~ /^(read|write)-/) key = key " " size_name($3)
	if (!(key in name)) { name[key] = $2; order[++n] = key }
	value[key, now] = $6
	mapped[key, now] = $3
}

END {
	printf "\nInstructions by size of the window, kernel %s\n\n| operation |", kernel
	for (i = 1; i <= windows; i++) printf " %s GiB |", window[i]
	printf " law | by it | |\n|---|"
	for (i = 1; i <= windows; i++) printf "---:|"
	print "---|---:|---|"
	for (i = 1; i <= n; i++) row(order[i])
	printf "\n%d laws hold, %d broken\n", held, broken
	exit !(held + broken)
}
