#!/bin/sh
# Makes the recordings anew. Needs Debian's flite, espeak-ng and sox.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'start_s\tend_s\tword\n' >commands.tsv
sox -q -n -r 16000 -c 1 -b 16 "$work/pause.wav" trim 0 1.0
set -- "$work/pause.wav"
at=1.0
for spoken in rms:yes rms:no espeak:left awb:stop espeak:happy rms:down rms:go; do
    voice=${spoken%%:*} word=${spoken#*:}
    if [ "$voice" = espeak ]; then
        espeak-ng -v en-us -w "$work/said.wav" "$word"
    else
        flite -voice "$voice" -t "$word." -o "$work/said.wav"
    fi
    # The silence around the word goes, so that the table says where it lies.
    sox -q "$work/said.wav" -r 16000 -c 1 -b 16 "$work/$word.wav" \
        silence 1 0.01 1% reverse silence 1 0.01 1% reverse gain -n -6
    length=$(soxi -D "$work/$word.wav")
    end=$(echo "$at + $length" | bc)
    printf '%.3f\t%.3f\t%s\n' "$at" "$end" "$word" >>commands.tsv
    at=$(echo "$end + 1.0" | bc)
    set -- "$@" "$work/$word.wav" "$work/pause.wav"
done
sox -q "$@" "$work/clean.wav"
sox -q -R -n -r 16000 -c 1 -b 16 "$work/noise.wav" synth "$(soxi -D "$work/clean.wav")" pinknoise gain -45
sox -q -R -m -v 1 "$work/clean.wav" -v 1 "$work/noise.wav" commands.flac
flite -voice rms -t "We were walking along the river when the weather changed." -o "$work/sentence.wav"
sox -q -R "$work/sentence.wav" -r 16000 -c 1 -b 16 sentence.flac pad 0.5 1.0
