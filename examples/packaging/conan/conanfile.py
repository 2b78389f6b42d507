from pathlib import Path

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load


class SemblanceConan(ConanFile):
    name = "semblance"
    description = "Sentence vectors from published BERT folders on ordinary CPUs"
    license = "Apache-2.0"
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"
    # True: Eigen, nlohmann/json and utf8proc are the system's.
    options = {"system_packages": [True, False]}
    default_options = {"system_packages": False}
    no_copy_source = True

    def set_version(self):
        text = load(self, str(self._root() / "include/semblance/core/version.h"))
        self.version = text.split('kVersion = "')[1].split('"')[0]

    def _root(self):
        return Path(self.recipe_folder).resolve().parent.parent.parent

    def export_sources(self):
        for pattern in ["CMakeLists.txt", "LICENSE", "include/*", "third_party/*", "examples/default_model/*"]:
            copy(self, pattern, str(self._root()), self.export_sources_folder)

    def requirements(self):
        if not self.options.system_packages:
            self.requires("eigen/3.4.0", transitive_headers=True)
            self.requires("nlohmann_json/3.11.3", transitive_headers=True)
            self.requires("utf8proc/2.9.0", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["SEMBLANCE_BUILD_TESTS"] = False
        toolchain.cache_variables["SEMBLANCE_BUILD_EXAMPLES"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, str(Path(self.package_folder) / "licenses"))

    def package_info(self):
        # The package's own semblanceConfig.cmake is the one to find.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["share/cmake/semblance"]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
