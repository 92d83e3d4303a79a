"""`nbkernel compare`: how much two images differ, and possible causes."""

import json
import math

from nbkernel.io.formats import IMAGE, format_names

from ..arguments.options import options_of, options_text
from ..arguments.parsing import file_names, parse
from ..terminal import as_json, say_all


def help_text():
    return (
        "usage: nbkernel compare A B [options]\n\n"
        f"Compares image B with the reference A ({format_names(IMAGE, 'keeps_values')}). A float file has the shape of the "
        "SMV\n"
        "image beside it; FILE.h5 is the noise-free image of nbkernel's files, else another's; FILE.h5:/path/in/file is\n"
        "any dataset; of several images --frame chooses one.\n\n"
        f"{options_text(options_of('compare'))}\n\n"
        "Tolerances (local errors are relative to the largest of A's 5 x 5 neighbours):\n"
        "  exact   identical bits\n"
        "  double  every pixel within 1 float32 ulp or a local error of 1e-9, the total within 1e-9 (or one ulp of the\n"
        "          brightest pixel)\n"
        "  mixed   every pixel within 1 float32 ulp or a local error of max(2e-6, 2e-7 N), the total likewise\n\n"
        "Exit status: 0 within the tolerance, 1 beyond, 2 bad input"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, rest = parse("compare", argv)
    paths = file_names("compare", rest, ("A", "B"))

    from nbkernel.diagnose.images.causes import likely_causes
    from nbkernel.diagnose.images.compare import DEFAULT_N, judge, make_pair, measure
    from nbkernel.io.images.read import read_image

    images = [read_image("compare", path, chosen.get("--shape"), frame=chosen.get("--frame", 0)) for path in paths]
    pair = make_pair(*images, chosen.get("--roi"))
    numbers, peaks = measure(pair)
    numbers["suspects"] = likely_causes(pair, numbers, peaks)
    numbers["verdict"] = judge(pair, chosen.get("--tolerance", "exact"), chosen.get("--N", DEFAULT_N))
    if "--png" in chosen:
        from nbkernel.diagnose.images.plot import write_plot

        write_plot(chosen["--png"], pair, numbers, images)
    if "--json" in chosen:
        print(json.dumps(as_json({"a": paths[0], "b": paths[1], **numbers}), indent=1))
    else:
        say_all(report(images, numbers))
    return 0 if numbers["verdict"]["within"] else 1


def report(images, numbers):
    """The lines of the report."""
    return [
        *(f"{name}: {image_line(image)}" for name, image in zip("AB", images, strict=True)),
        "",
        *(f"{name:<22} {value}" for name, value in rows(numbers)),
        "",
        *profile_lines(numbers["radial_profile"]),
        "",
        *(f"possible cause: {line}" for line in numbers["suspects"]),
        verdict_line(numbers["verdict"]),
    ]


def image_line(image):
    slow, fast = image.pixels.shape
    return f"{image.path}, {image.kind}, {slow} x {fast} pixels (slow x fast)"


def rows(numbers):
    ulp, local, peaks = numbers["largest_ulp_distance"], numbers["largest_local_error"], numbers["peaks"]
    yield "identical pixels", f"{numbers['identical']} of {numbers['pixels']} ({percent(numbers['identical_fraction'])})"
    if numbers["not_finite_differ"]:
        yield "nan or inf in one only", f"{numbers['not_finite_differ']} pixels"
    yield "largest ulp distance", f"{ulp['value']}{at(ulp)}"
    yield "largest local error", f"{local['value']:.3g} of the largest of the 5 x 5 neighbours{at(local)}"
    yield "largest difference", f"{numbers['largest_difference']['value']:.6g}{at(numbers['largest_difference'])}"
    yield "correlation", f"{numbers['correlation']:.9g}"
    yield "sums", f"A {numbers['sum_a']:.9g}, B {numbers['sum_b']:.9g}, B/A {numbers['sum_ratio']:.9g}"
    yield "RMS difference", f"{numbers['rms']:.4g} ({percent(numbers['rms_relative'])} of A's RMS)"
    yield (
        "peaks",
        (
            f"{peaks['peaks_a']} in A, {peaks['unmatched_a']} unmatched; "
            f"{peaks['peaks_b']} in B, {peaks['unmatched_b']} unmatched"
        ),
    )
    if peaks["matched"]:
        yield "peak distance", f"median {peaks['distance_median']:.3g}, largest {peaks['distance_largest']:.3g} pixels"
        yield (
            "peak intensity B/A",
            (f"median {peaks['ratio_median']:.6g}, 90 % between {peaks['ratio_5']:.6g} and {peaks['ratio_95']:.6g}"),
        )
    constant = numbers["constant_factor"]
    yield (
        "constant factor B/A",
        f"{constant['factor']:.9g} ({percent(constant['share'])} of the pixels)" if constant else "none",
    )


def at(place):
    return f", fast {place['fast']} slow {place['slow']}" if place["value"] else ""


def percent(fraction):
    """Text in %, in which only 1 is rounded to 100 %."""
    if math.isfinite(fraction) and fraction < 1.0:
        fraction = min(fraction, 0.999999)
    return f"{100.0 * fraction:.6g} %"


def profile_lines(profile):
    fast, slow = profile["center"]
    yield f"B/A by radius about fast {fast:.6g} slow {slow:.6g} ({profile['center_from']})"
    for ring in profile["rings"]:
        yield f"{ring['radius_from']:>9.1f} to {ring['radius_to']:>9.1f} pixels  {ring['ratio']:.9g}"


def verdict_line(verdict):
    if verdict["within"]:
        return f"within the tolerance {verdict['tolerance']}"
    limit = f" (limit {verdict['local_limit']:.3g} of the neighbours)" if "local_limit" in verdict else ""
    total = f", total off by {verdict['total_error']:.3g}" if "total_limit" in verdict else ""
    total += f" (limit {verdict['total_limit']:.3g})" if total else ""
    return f"beyond the tolerance {verdict['tolerance']}: {verdict['pixels_beyond']} pixels{limit}{total}"
