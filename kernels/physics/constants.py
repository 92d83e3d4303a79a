"""Physical constants as nanoBragg.c has them (its last digits are part of byte identity)."""

R_E_SQR = 7.94079248018965e-30  # Thomson cross section, m^2
AVOGADRO = 6.02214179e23  # 1/mol
HC_EV_ANGSTROM = 12398.42  # photon energy (eV) times wavelength (Angstrom)
WATER_F = 2.57  # forward scattering of one water molecule, electrons
WATER_MW = 18.0  # g/mol
PI = 3.14159265358979323846
RTD = 180.0 * 0.31830988618379067154  # degrees per radian
DBL_MIN = 2.2250738585072014e-308

# xtal_shape
SQUARE, ROUND, GAUSS, TOPHAT = 0, 1, 2, 3
