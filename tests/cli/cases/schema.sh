# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# What --json prints is what the schemas say, for every golden text that is JSON;
# and a schema that takes anything would be none.

# json_of FILE: the JSON of a golden text, between its command and what follows; of
# a text that has an object a line, the first.
json_of() {
	if grep -q '^{.*}$' "$1"; then
		sed -n '/^{.*}$/{p;q}' "$1"
	else
		sed -n '/^{$/,/^}$/p' "$1"
	fi
}

keeps_schema() {
	local file=$1 verb
	json_of "$file" >"$WORK/said.json"
	verb=$(jq -r .verb "$WORK/said.json")
	jsonschema -i "$WORK/said.json" "$TOP/tool/schema/$verb.json"
}

# damaged: of the JSON on standard input, line by line: what would be wrong with a
# schema, and the JSON that it would then take. Each member, however deep, is left out
# or is of another type; of an array the first element. An array may be shorter, and
# physical addresses are for root.
damaged() {
	jq -c '. as $whole | paths | select(all(.[]; type == "string" or . == 0)) as $path |
		(select(last != 0 and (last | tostring | endswith("mem_base") | not)) | "\($path) may be left out", ($whole | delpaths([$path]))),
		("\($path) may be of any type", ($whole | setpath($path; {odd: 1})))'
}

# Of all of them the schema takes only the one that nobody damaged.
schema_bites() {
	local verb=$1 file=$2 claim json instances=() claims=()
	rm -rf "$WORK/damaged" && mkdir "$WORK/damaged"
	json_of "$file" >"$WORK/damaged/0"
	while IFS= read -r claim && IFS= read -r json; do
		claims+=("$claim")
		printf '%s\n' "$json" >"$WORK/damaged/${#claims[@]}"
		instances+=(-i "$WORK/damaged/${#claims[@]}")
	done < <(damaged <"$WORK/damaged/0")
	[[ ${#claims[@]} -ge 6 ]] || return
	jsonschema --output pretty -i "$WORK/damaged/0" "${instances[@]}" "$TOP/tool/schema/$verb.json" 2>/dev/null |
		sed -n 's/^===\[SUCCESS\]===(.*\/\([0-9]*\))===$/\1/p' >"$WORK/taken"
	while IFS= read -r json; do
		[[ $json == 0 ]] || echo "$verb: ${claims[$((json - 1))]}"
	done <"$WORK/taken"
	[[ $(<"$WORK/taken") == 0 ]]
}

declare -A example=()
while IFS= read -r file; do
	check "schema: ${file#"$HERE"/golden/}" keeps_schema $file
	example[$(json_of $file | jq -r .verb)]=$file
done < <(grep -lE '^\{(.*\})?$' "$HERE"/golden/*/*)
for verb in "${VERBS[@]}"; do
	check "schema bites: $verb" schema_bites $verb "${example[$verb]:-/dev/null}"
done
