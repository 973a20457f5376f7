# Runs one server for whoever holds the other end of this shell's input: an order a line, each answered with a line.
# When the input ends, its holder is gone, in whatever way; then the server goes too, and its folder.
# Usage: sh -c SCRIPT NAME PARENT_FOLDER PROGRAM [ARGUMENT]...
folder=$(mktemp -d "$1/veloera-$0-XXXXXX") || exit
shift
cd "$folder" || exit
echo "$folder"
server=

# At once and with all its children, as if the machine had died. Stopped first, so that it has no more of them.
slay() {
    kill -STOP "$server"
    kill -KILL "$server" $(cat "/proc/$server/task/$server/children")
}

# It and all its children: what is stopped has no more of them, and what goes on first wakes those that it waits for.
tell() {
    [ "$1" = CONT ] || kill -s "$1" "$server"
    kill -s "$1" $(cat "/proc/$server/task/$server/children")
    [ "$1" != CONT ] || kill -s CONT "$server"
}

while read -r order signal; do
    case $order in
        start) "$@" </dev/null >>log 2>&1 & server=$! ;;
        stop) kill -s "$signal" "$server"; wait "$server" ;;
        kill) slay; wait "$server" ;;
        tell) tell "$signal" ;;
    esac 2>>errors
    echo "$server"
done
[ -z "$server" ] || slay 2>>errors
wait
cd /
rm -rf "$folder"
