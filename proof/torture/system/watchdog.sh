#!/bin/sh
# Waits until the torture that started it is gone, however that ended (its end of the pipe is closed by the kernel),
# and removes what it has left running or mounted below the folder $1. Linux only: it looks into /proc.
cat > /dev/null
for process in /proc/[0-9]*; do
  # PostgreSQL overwrites its environment, but works in its data folder.
  case "$(readlink "$process/cwd" 2> /dev/null)" in
    "$1"/*) kill -9 "${process#/proc/}" 2> /dev/null ;;
    *) grep -qszxF "RAZONETE_STACK=$1" "$process/environ" && kill -9 "${process#/proc/}" 2> /dev/null ;;
  esac
done
while read -r _ path _; do
  path=$(printf '%b' "$path")
  case "$path" in
    "$1"/*) umount -l "$path" ;;
  esac
done < /proc/mounts
