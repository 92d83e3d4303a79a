"""The numbers of the draws of philox' counter (pixel, frame, draw) that the stages of a detector begin with: a Poisson
deviate takes as many as it needs from 0 on."""

POISSON, READ_OUT, FLICKER, CALIBRATION = (stage << 24 for stage in range(4))
