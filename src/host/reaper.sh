#!/bin/sh
# Outlives the worker that started it, and then kills the process groups which that worker left running.
# Standard input carries "+ GROUP" and "- GROUP"; it ends when the worker is gone, however it went.
trap '' HUP INT TERM
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
  esac
done
for group in $groups; do
  kill -s KILL -- "-$group" 2>/dev/null
done
