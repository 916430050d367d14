"""Files as projects have published them in their source distributions on PyPI; each is named with its place."""

XARRAY = """\
name: xarray-examples
channels:
  - conda-forge
dependencies:
  - python=3.11
  - boto3
  - bottleneck
  - cartopy
  - cfgrib
  - cftime
  - coveralls
  - dask
  - distributed
  - dask_labextension
  - h5netcdf
  - h5py
  - hdf5
  - iris
  - lxml # Optional dep of pydap
  - matplotlib
  - nc-time-axis
  - netcdf4
  - numba
  - numpy
  - packaging
  - pandas
  - pint>=0.22
  - pip
  - pooch
  - pydap
  - rasterio
  - scipy
  - seaborn
  - setuptools
  - sparse
  - toolz
  - xarray
  - zarr
  - numbagg
"""
"""xarray 2026.9.0: `.binder/environment.yml`."""
CLIMPRED = """\
name: climpred-minimum-tests
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python >=3.10,<3.14
  - pip >=25.1
  - cf-xarray >=0.8.0
  - cftime >=1.6.3
  - dask-core >=2023.4.0
  - flake8
  - h5netcdf
  - h5py
  - netcdf4
  - numpy >=2.0.0
  - pandas >=2.0
  - pooch >=1.8.0
  - pytest >=8.0.0
  - pytest-cov >=5.0
  - pytest-lazy-fixtures >=1.4.0
  - pytest-timeout
  - pytest-xdist
  - xarray >=2024.5.0
  - xskillscore >=0.0.29
"""
"""climpred 2.6.0: `ci/requirements/minimum-tests.yml`."""
XSKILLSCORE = """\
name: xskillscore-docs-notebooks
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python >=3.9,<3.14
  - pip >=23.0
  - bottleneck
  - cftime
  - dask-core >=2023.4.0
  - doc8
  - numba >=0.57
  - numpy >=1.25
  - properscoring
  - ipykernel
  - jupyterlab
  - jupyterlab_code_formatter
  - matplotlib-base
  - nbsphinx
  - nbstripout
  - pre-commit
  - scikit-learn
  - scipy >=1.10
  - sphinx >=6.0.0
  - sphinx-autosummary-accessors
  - sphinx_rtd_theme >=1.0
  - statsmodels
  - xarray >=2023.4.0
  - xhistogram >=0.3.2
"""
"""xskillscore 0.0.29: `ci/docs_notebooks.yml`."""
PANGEO = """\
name: pangeo
channels:
  - conda-forge
dependencies:
  - python
  - bokeh
  - cartopy
  - cython
  - dask
  - dask-cloudprovider
  - erddapy
  - numpy
  - python-blosc
  - hvplot
  - h5py
  - h5netcdf
  - ipykernel
  - ipywidgets
  - geoviews
  - holoviews
  - lz4
  - datashader
  - panel
  - metpy
  - netcdf4
  - xarray
  - s3fs
  - gcsfs
  - fsspec
  - utide
  - zarr
  - earthsim
"""
"""conda-lock 4.0.3: `example/pangeo/environment.yml`."""
XGCM = """\
name: xgcm
dependencies:
  - python=3.12
  - xarray
  - netcdf4
  - dask
  - numpy
  - matplotlib
  - numba
  - pip
  - pip:
    - git+https://github.com/xgcm/xgcm.git
"""
"""xgcm 0.10.1: `binder/environment.yml`."""
