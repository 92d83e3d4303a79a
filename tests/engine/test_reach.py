"""Steps that add nothing are left out, and nothing else."""

import math

import numpy as np
import pytest

import nbkernel.engine.bounds.bounded
import nbkernel.engine.render
from nbkernel.engine.bounds.reach import LEFT_OUT, find_reach, with_blocks_of_sources
from nbkernel.engine.render import render
from nbkernel.engine.tiles import panel_tile, region_tile
from nbkernel.kernels.exact.lit import POSITION, POSITIONS, list_lit
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.kernels.physics.lattice_factor import lattice_factor
from nbkernel.kernels.physics.orientations import cell_vectors, from_table
from nbkernel.kernels.physics.pixel import subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import solid_angle
from nbkernel.kernels.physics.reach import has_one_nearest, is_dark, is_dark_within, spread_of_block
from nbkernel.kernels.physics.scattering import nearest_index, scattering_vector
from nbkernel.kernels.physics.structure_factor import F_nearest
from nbkernel.kernels.physics.vectors import dot_product, magnitude, unitize

from kinds_of_runs import NEAR, RUNS, SENSOR, inputs, prepared  # noqa: F401  (a fixture)
from running import write_hkl

SPARSE = f"{NEAR} -hkl sparse.hkl -default_F 0"
XFEL = "-N 20 -gauss_xtal -mosaic 0.05 -mosaic_dom 9 -dispersion 1 -dispsteps 7"
# runs with steps that add nothing
LIMITED = {
    "Gaussian, sources": f"{NEAR} {XFEL}",
    "Gaussian, sources, table": f"{SPARSE} {XFEL} -N 9 -hdivrange 1 -hdivsteps 2",
    "Gaussian, blocks of sources": f"{NEAR} {XFEL} -dispsteps 30",
    "Gaussian, blocks of sources, table": f"{SPARSE} {XFEL} -N 9 -dispsteps 20 -hdivrange 1 -hdivsteps 2 -polar 0.7 {SENSOR}",
    "Gaussian, blocks of sources, curved": f"{NEAR} {XFEL} -dispsteps 30 -curved_det",
    "table, blocks of sources": f"{SPARSE} -N 5 -mosaic 0.3 -mosaic_dom 3 -osc 2 -phisteps 3 -dispersion 0.5 -dispsteps 17",
    "Gaussian, phi": f"{NEAR} -N 20 -gauss_xtal -osc 1 -phisteps 12 -mosaic 0.1 -mosaic_dom 3",
    "Gaussian, sensor": f"{NEAR} -N 12 -gauss_xtal {SENSOR} -polar 0.9",
    "Gaussian, curved": f"{NEAR} -N 20 -gauss_xtal -mosaic 0.1 -mosaic_dom 9 -curved_det",
    "tophat": f"{NEAR} -N 7 -tophat_spots -mosaic 0.3 -mosaic_dom 9",
    "tophat, table": f"{SPARSE} -N 7 -tophat_spots -mosaic 0.3 -mosaic_dom 9",
    "table": f"{SPARSE} -N 5 -mosaic 0.3 -mosaic_dom 20",
    "table, one orientation": f"{SPARSE} -N 5",
    "table, ellipsoid": f"{SPARSE} -N 5 -round_xtal -osc 3 -phisteps 20",
    "table, very many cells": f"{SPARSE} -N 100000 -mosaic 0.3 -mosaic_dom 9",
    "table, dmin": f"{SPARSE} -N 5 -dmin 6 -mosaic 0.3 -mosaic_dom 9 -dispersion 4 -dispsteps 3",
    "table, widely spread": f"{SPARSE} -N 5 -mosaic 20 -mosaic_dom 40",
    "table of low resolution": RUNS["table of low resolution"],
}
# runs in which every step counts
UNLIMITED = ["plain", "ellipsoid", "table", "Gaussian", "Gaussian, negative fudge", "interpolation", "all three, Gaussian"]


@pytest.fixture(autouse=True)
def sparse_table(inputs):  # noqa: F811
    """sparse.hkl: half of the reflections up to 5 5 5 are absent."""
    h, k, l = np.mgrid[-5:6, -5:6, -5:6]
    write_hkl("sparse.hkl", np.where((h + k) % 2 == 0, 10 + (7 * h + 5 * k + 3 * l) % 90, 0), (-5, -5, -5))


def reach_of(run, use_float32=False):
    return find_reach(run.plan, panel_tile(run.detector), use_float32)


def without_limits(plan, panel, use_float32):
    return find_reach(plan, panel, use_float32)._replace(
        is_limited=False, phi_stop=np.array([plan.phi_slot.size]), left_out=0.0
    )


@pytest.mark.parametrize("precision", ["exact", "double", "mixed"])
@pytest.mark.parametrize("name", LIMITED)
def test_images_keep_their_bits(name, precision, monkeypatch):
    run = prepared(LIMITED[name])
    assert reach_of(run).is_limited
    image = render(run, precision).image
    monkeypatch.setattr(nbkernel.engine.render, "find_reach", without_limits)
    monkeypatch.setattr(nbkernel.engine.bounds.bounded, "find_reach", without_limits)
    complete = render(run, precision).image
    assert complete.any()
    assert np.array_equal(image.view(np.int32), complete.view(np.int32))


@pytest.mark.parametrize("name", [name for name in LIMITED if "blocks" in name])
def test_what_is_dark_for_a_block_is_dark_for_each_of_its_sources(name):
    """And some is."""
    run = prepared(LIMITED[name])
    plan, tile, reach = run.plan, panel_tile(run.detector), with_blocks_of_sources(reach_of(run), run.plan, region_tile(run))
    assert reach.source_stop[0] > 2 and reach.source_stop[-1] == plan.source_lambda.size

    def indices_and_length(source, diffracted, group):
        scattering = scattering_vector(diffracted, vector_at(plan.source_incident, source), plan.source_lambda[source])
        return [dot_product(v, scattering) for v in cell_vectors(reach.cell, group, 0)], magnitude(scattering)

    dark = 0
    for spixel in range(0, tile.slow_stop, 7):
        for fpixel in range(0, tile.fast_stop, 7):
            diffracted = unitize(subpixel_position(tile, plan.oversample, spixel, fpixel, 0, 0, 0.0))
            for source in range(plan.source_lambda.size):
                for group in range(reach.phi_stop.size):
                    hkl, length = indices_and_length(reach.middle[source], diffracted, group)
                    if is_dark_within(*hkl, length, reach, spread_of_block(reach, group, reach.stretch[source])):
                        dark += 1
                        hkl, length = indices_and_length(source, diffracted, group)
                        assert is_dark(*hkl, length, reach, group)
    assert dark > 0


def test_blocks_have_sources_of_one_direction():
    run = prepared(LIMITED["Gaussian, blocks of sources, table"])
    plan, reach = run.plan, with_blocks_of_sources(reach_of(run), run.plan, region_tile(run))
    start = 0
    while start < plan.source_lambda.size:
        stop = reach.source_stop[start]
        assert (plan.source_incident[start:stop] == plan.source_incident[start]).all()
        assert start <= reach.middle[start] < stop and (reach.source_stop[start:stop] == stop).all()
        apart = np.abs(plan.source_lambda[reach.middle[start]] / plan.source_lambda[start:stop] - 1.0).max()
        assert apart <= reach.stretch[start] < 1.001 * apart + 1e-12
        start = stop


@pytest.mark.parametrize("name", UNLIMITED)
def test_runs_in_which_every_step_counts(name):
    assert not reach_of(prepared(RUNS[name])).is_limited


def photons_of_group(plan, tile, reach, group, source, diffracted, scattering, airpath):
    """Bound on what the group's steps add to a pixel, by the formulas: its polarisation factor is at most 2."""
    start = reach.phi_stop[group - 1] if group else 0
    I = 0.0
    for phi_tic in range(start, reach.phi_stop[group]):
        for mos_tic in range(plan.orientation.shape[1]):
            h, k, l = (dot_product(v, scattering) for v in from_table(plan, plan.phi_slot[phi_tic], mos_tic))
            h0, k0, l0 = nearest_index(h), nearest_index(k), nearest_index(l)
            F_cell = F_nearest(h0, k0, l0, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min, plan.default_F)
            F_latt = lattice_factor(
                h, k, l, h0, k0, l0, plan.spot_axes, plan.Na, plan.Nb, plan.Nc, plan.fudge, plan.xtal_shape
            )
            I += F_cell**2 * F_latt**2 * plan.source_weight[source]
    omega = solid_angle(tile.pixel_size, airpath, tile.close_distance, tile.point_pixel)
    return 2.0 * R_E_SQR * plan.fluence * I / plan.steps * omega


@pytest.mark.parametrize("name", LIMITED)
def test_what_is_dark_adds_nothing(name):
    """By the program's formulas, pixel by pixel, in every orientation."""
    run = prepared(LIMITED[name])
    plan, tile, reach = run.plan, panel_tile(run.detector), reach_of(run)
    left_out = asked = dark = absent = 0
    for spixel in range(0, tile.slow_stop, 7):
        for fpixel in range(0, tile.fast_stop, 7):
            pixel_pos = subpixel_position(tile, plan.oversample, spixel, fpixel, 0, 0, 0.0)
            diffracted, photons = unitize(pixel_pos), 0.0
            for source in range(plan.source_lambda.size):
                scattering = scattering_vector(
                    diffracted, vector_at(plan.source_incident, source), plan.source_lambda[source]
                )
                for group in range(reach.phi_stop.size):
                    h, k, l = (dot_product(v, scattering) for v in cell_vectors(reach.cell, group, 0))
                    place = (h, k, l, magnitude(scattering), reach, group)
                    asked += 1
                    whole = (nearest_index(h), nearest_index(k), nearest_index(l))
                    F_cell = F_nearest(*whole, plan.Fhkl, plan.h_min, plan.k_min, plan.l_min, plan.default_F)
                    if is_dark(*place):
                        dark += 1
                    elif has_one_nearest(*place) and F_cell == 0.0:
                        absent += 1
                    else:
                        continue
                    photons += photons_of_group(
                        plan, tile, reach, group, source, diffracted, scattering, magnitude(pixel_pos)
                    )
            left_out = max(left_out, photons)
    assert left_out < LEFT_OUT
    # most of these images are dark
    assert dark + absent > 0.3 * asked
    if name == "table":
        assert absent > 0.02 * asked


def test_groups_of_phi_steps_spread_no_more_than_twice_as_far_as_domains():
    run = prepared(LIMITED["Gaussian, phi"])
    reach, plan = reach_of(run), run.plan
    assert 1 < reach.phi_stop.size < plan.phi_slot.size and reach.phi_stop[-1] == plan.phi_slot.size
    start = 0
    for group, stop in enumerate(reach.phi_stop):
        for phi_tic in range(start, stop):
            for mos_tic in range(plan.orientation.shape[1]):
                vectors = from_table(plan, plan.phi_slot[phi_tic], mos_tic)
                for m in range(3):
                    assert math.dist(vectors[m], cell_vectors(reach.cell, group, 0)[m]) <= reach.spread[group, m]
        start = stop
    # steps in float32 are added to float64 after all orientations of a source
    assert reach_of(run, use_float32=True).phi_stop.size == 1


@pytest.mark.parametrize("F", [math.nan, math.inf, 1e160])
def test_no_bound_without_a_largest_structure_factor(F):
    run = prepared(LIMITED["Gaussian, sources, table"])
    Fhkl = run.plan.Fhkl.copy()
    Fhkl[3, 3, 3] = F
    offset = find_reach(run.plan._replace(Fhkl=Fhkl), panel_tile(run.detector), False).offset
    assert np.isinf(offset).all()


def test_nan_may_be_lit():
    """A pixel at the sample has no scattering vector."""
    run = prepared(LIMITED["Gaussian, sources"])
    scattering = np.full((3, 8), math.nan)
    position = np.zeros((POSITIONS, 8), np.int32)
    assert list_lit(reach_of(run), 0, scattering, position) == 8
    assert np.array_equal(position[POSITION], range(8))
