"""The checks behind tests/k8s.sh. With a folder, writes what each overlay renders to there, for the tools that only know schemas."""

import pathlib
import sys

import meaning
import network
from manifests import OVERLAYS, Sources, System, objects, render
from mutants import MISTAKES, mutants

CHECKS = [
    meaning.selectors,
    meaning.services,
    meaning.references,
    meaning.probes,
    meaning.grace,
    meaning.availability,
    meaning.rights,
    meaning.namespaces,
    network.paths,
    network.names,
]


def wrong(found, checks, sources):
    system = System(found)
    return [text for check in checks for text in check(system, sources)]


def main(folder):
    sources, failed = Sources(), False
    for overlay in OVERLAYS:
        text = render(overlay)
        (folder / f"{overlay.name}.yaml").write_text(text)
        checks = [*CHECKS, network.mode(overlay.name)]
        found = wrong(objects(text), checks, sources)
        unseen = [what for what, mutant in mutants(objects(text)) if not set(wrong(mutant, checks, sources)) - set(found)]
        seen = len(MISTAKES) - len(unseen)
        print(f"{'FAILED' if found or unseen else 'ok'}: {overlay.name}: {len(objects(text))} objects, {len(checks)} checks, {seen} of {len(MISTAKES)} mistakes seen")
        for line in sorted(set(found)) + [f"not seen: {what}" for what in unseen]:
            print(f"  {line}")
        failed = failed or bool(found or unseen)
    sys.exit(failed)


main(pathlib.Path(sys.argv[1]))
