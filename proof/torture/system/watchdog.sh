#!/bin/sh
# Waits until the torture that started it has ended, however it ended (the kernel then closes its end of the pipe). Then
# kills what it left running and unmounts what it left mounted below the folder $1. Linux only: it reads /proc.
cat > /dev/null
for process in /proc/[0-9]*; do
  # PostgreSQL overwrites its environment, but works in its data folder.
  case "$(readlink "$process/cwd" 2> /dev/null)" in
    "$1"/*) kill -9 "${process#/proc/}" 2> /dev/null ;;
    *) grep -qszxF "RAZONETE_STACK=$1" "$process/environ" && kill -9 "${process#/proc/}" 2> /dev/null ;;
  esac
done
# Network namespaces and bridges, as machine-network.ts has noted them.
if [ -f "$1/network-to-remove" ]; then
  # shellcheck disable=SC2086 # Each line is the arguments of a command.
  while read -r line; do ip $line 2> /dev/null; done < "$1/network-to-remove"
fi
while read -r _ path _; do
  path=$(printf '%b' "$path")
  case "$path" in
    "$1"/*) umount -l "$path" ;;
  esac
done < /proc/mounts
