// The compiled part of the Python package: a loaded folder, its encode() and the scores, over
// NumPy arrays. What a caller sees is in semblance/sentence_encoder.py.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "semblance/loaded_model.h"
#include "semblance/models/encoder_model.h"
#include "semblance/semblance.h"
#include "semblance/tensor/precision.h"
#include "semblance/text/bert_tokenizer.h"

namespace nb = nanobind;

namespace {

using Rows = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<nb::numpy, float, nb::ndim<2>>;

// Values is a std::vector<float> or a Tensor<float>.
template <class Values>
Matrix matrix_of(Values values, std::size_t rows, std::size_t cols) {
  auto owned = std::make_unique<Values>(std::move(values));
  float* data = owned->data();
  nb::capsule owner(owned.get(), [](void* p) noexcept {
    delete static_cast<Values*>(p);  // NOLINT(cppcoreguidelines-owning-memory)
  });
  static_cast<void>(owned.release());
  return Matrix(data, {rows, cols}, owner);
}

semblance::MatrixView<const float> view_of(const Rows& rows) {
  return {rows.data(), rows.shape(0), rows.shape(1)};
}

// Calls back into Python while encode() runs without the interpreter lock: hands on the progress,
// at most ten times a second, and lets an exception of either it or a signal end the work. The
// caller's thread has times of its own: Python sees signals on its main thread only.
class Watch {
 public:
  explicit Watch(nb::object callback) : callback_(std::move(callback)) {}

  void operator()(std::size_t done, std::size_t total) {
    const auto now = std::chrono::steady_clock::now();
    auto& next = std::this_thread::get_id() == caller_ ? next_of_caller_ : next_of_others_;
    if (done != total && now < next) return;
    next = now + std::chrono::milliseconds(100);
    const nb::gil_scoped_acquire locked;
    try {
      if (error_) return;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (!callback_.is_none()) callback_(done, total);
    } catch (nb::python_error& error) {
      error_.emplace(std::move(error));
      stop_.request_stop();
    }
  }
  std::stop_token stop_token() const { return stop_.get_token(); }
  // What Python raised, if it did; with the interpreter lock.
  void rethrow() {
    if (error_) throw std::move(*error_);
  }

 private:
  nb::object callback_;
  std::thread::id caller_ = std::this_thread::get_id();
  std::chrono::steady_clock::time_point next_of_caller_{};
  std::chrono::steady_clock::time_point next_of_others_{};
  std::stop_source stop_;
  std::optional<nb::python_error> error_;
};

// The strings live as long as the tuple does, and stay as they are while the lock is free.
std::vector<std::string_view> views_of(const nb::tuple& texts) {
  std::vector<std::string_view> views;
  views.reserve(texts.size());
  for (const nb::handle text : texts) {
    Py_ssize_t size = 0;
    if (!PyUnicode_Check(text.ptr())) {
      throw nb::type_error(("text " + std::to_string(views.size()) + ": expected a str, found " +
                            nb::type_name(text.type()).c_str())
                               .c_str());
    }
    const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (bytes == nullptr) throw nb::python_error();  // lone surrogates
    views.emplace_back(bytes, static_cast<std::size_t>(size));
  }
  return views;
}

class Encoder {
 public:
  Encoder(const std::string& folder, bool use_modules, bool copy_files,
          const std::string& dictionary, const std::optional<std::string>& precision,
          const std::string& packed_cache, std::size_t num_threads)
      : encoder_(load(folder, {.use_modules = use_modules,
                               .copy_files = copy_files,
                               .num_threads = num_threads,
                               .precision = precision_of(precision),
                               .packed_cache = packed_cache,
                               .dictionary = dictionary})) {}

  Matrix encode(const nb::tuple& texts, std::size_t batch_size, std::optional<std::string> pooling,
                std::optional<bool> normalize, std::size_t max_length, std::size_t dim,
                std::optional<std::string> prompt, std::size_t num_threads,
                nb::object progress) const {
    const std::vector<std::string_view> views = views_of(texts);
    semblance::EncodeOptions options{.batch_size = batch_size,
                                     .normalize = normalize,
                                     .max_length = max_length,
                                     .dim = dim,
                                     .prompt = std::move(prompt),
                                     .num_threads = num_threads};
    if (pooling) {
      options.pooling = semblance::pooling_of(*pooling);
      if (!options.pooling) throw std::invalid_argument("pooling: unknown: " + *pooling);
    }
    const std::size_t output_dim = encoder_.output_dim(options);
    std::vector<float> values(views.size() * output_dim);
    Watch watch(std::move(progress));
    options.progress = [&](std::size_t done, std::size_t total) { watch(done, total); };
    options.stop_token = watch.stop_token();
    try {
      const nb::gil_scoped_release unlocked;
      encoder_.encode_into(views, values, options);
    } catch (const semblance::Cancelled&) {
      watch.rethrow();
      throw;
    }
    watch.rethrow();  // raised at the last text
    return matrix_of(std::move(values), views.size(), output_dim);
  }

  std::vector<std::size_t> count_tokens(const nb::tuple& texts) const {
    std::vector<std::size_t> counts;
    semblance::TokenizerScratch scratch;
    std::vector<std::int32_t> ids;
    for (const std::string_view text : views_of(texts)) {
      ids.clear();
      counts.push_back(encoder_.tokenizer().append_input_ids(text, {}, scratch, ids).num_tokens);
    }
    return counts;
  }

  std::size_t output_dim() const { return encoder_.output_dim(); }
  // Before any cut; with a pooling that is the caller's, or with the folder's and what follows it.
  std::size_t whole_dim(bool own_pooling) const {
    const semblance::LoadedModel& model = encoder_.model();
    const std::size_t hidden_size = encoder_.encoder().sizes().hidden_size;
    return own_pooling ? hidden_size : model.head.output_size(hidden_size * model.poolings.size());
  }
  std::size_t max_length() const { return encoder_.max_length(); }
  std::optional<std::size_t> truncate_dim() const { return encoder_.model().truncate_dim; }
  std::map<std::string, std::string> prompts() const { return encoder_.model().prompts; }
  std::optional<std::string> default_prompt_name() const {
    return encoder_.model().default_prompt_name;
  }
  std::string similarity_fn_name() const { return encoder_.model().similarity_fn_name; }

 private:
  static std::optional<semblance::Precision> precision_of(const std::optional<std::string>& name) {
    if (!name) return std::nullopt;
    if (const auto precision = semblance::precision_of(*name)) return precision;
    throw std::invalid_argument("precision: expected one of f32, f16, bf16, int8; found \"" +
                                *name + '"');
  }
  static semblance::SentenceEncoder load(const std::string& folder,
                                         const semblance::LoadOptions& options) {
    const nb::gil_scoped_release unlocked;
    return semblance::SentenceEncoder::load(folder, options);
  }
  semblance::SentenceEncoder encoder_;
};

semblance::Metric metric_named(const std::string& name) {
  if (const auto metric = semblance::metric_of(name)) return *metric;
  throw std::invalid_argument(
      "similarity: expected one of cosine, dot, euclidean, manhattan; found \"" + name + '"');
}

Matrix similarity(const Rows& a, const Rows& b, const std::string& metric_name) {
  const semblance::Metric metric = metric_named(metric_name);
  semblance::Tensor<float> table;
  {
    const nb::gil_scoped_release unlocked;
    semblance::ThreadPool::Team team(semblance::ThreadPool::shared(), 0);
    table = semblance::similarity(view_of(a), view_of(b), metric, &team);
  }
  return matrix_of(std::move(table), a.shape(0), b.shape(0));
}

Matrix similarity_pairwise(const Rows& a, const Rows& b, const std::string& metric_name) {
  const semblance::Metric metric = metric_named(metric_name);
  if (a.shape(0) != b.shape(0)) throw std::invalid_argument("expected as many rows in both");
  std::vector<float> values;
  for (std::size_t i = 0; i < a.shape(0); ++i) {
    values.push_back(semblance::similarity(view_of(a).row_span(i), view_of(b).row_span(i), metric));
  }
  return matrix_of(std::move(values), 1, a.shape(0));
}

}  // namespace

NB_MODULE(_semblance, module) {
  // Daemon threads may hold objects when the interpreter ends.
  nb::set_leak_warnings(false);
  nb::exception<semblance::Error> error(module, "Error", PyExc_RuntimeError);
  nb::exception<semblance::FileError>(module, "FileError", error.ptr());
  nb::exception<semblance::FormatError>(module, "FormatError", error.ptr());
  nb::exception<semblance::ConfigError>(module, "ConfigError", error.ptr());
  nb::exception<semblance::ShapeError>(module, "ShapeError", error.ptr());
  nb::exception<semblance::Cancelled>(module, "Cancelled", error.ptr());
  module.attr("__version__") = semblance::kVersion;

  nb::class_<Encoder>(module, "Encoder")
      .def(nb::init<const std::string&, bool, bool, const std::string&,
                    const std::optional<std::string>&, const std::string&, std::size_t>(),
           nb::arg("folder"), nb::arg("use_modules"), nb::arg("copy_files"), nb::arg("dictionary"),
           nb::arg("precision").none(), nb::arg("packed_cache"), nb::arg("num_threads"))
      .def("encode", &Encoder::encode, nb::arg("texts"), nb::arg("batch_size"),
           nb::arg("pooling").none(), nb::arg("normalize").none(), nb::arg("max_length"),
           nb::arg("dim"), nb::arg("prompt").none(), nb::arg("num_threads"),
           nb::arg("progress").none())
      .def("whole_dim", &Encoder::whole_dim)
      .def("count_tokens", &Encoder::count_tokens)
      .def_prop_ro("output_dim", &Encoder::output_dim)
      .def_prop_ro("max_length", &Encoder::max_length)
      .def_prop_ro("truncate_dim", &Encoder::truncate_dim)
      .def_prop_ro("prompts", &Encoder::prompts)
      .def_prop_ro("default_prompt_name", &Encoder::default_prompt_name)
      .def_prop_ro("similarity_fn_name", &Encoder::similarity_fn_name);
  module.def("require_metric", [](const std::string& name) { metric_named(name); });
  module.def("similarity", &similarity);
  module.def("similarity_pairwise", &similarity_pairwise);
}
