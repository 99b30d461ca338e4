// Plans a list of `memref.alloc` and `memref.dealloc`, as MLIR's buffer deallocation leaves them,
// into one arena: each allocation becomes a view of it.
//
//   allocs [FILE]        a list of its own without a file
//
// Every line is a step. A buffer lives from the line of its `memref.alloc` to that of its
// `memref.dealloc`, or to the end. What stands between is not looked at.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <orionrt/plan.hpp>

namespace {

const char* const kList = R"(%patches = memref.alloc() {alignment = 64} : memref<1x196x768xf32>
linalg.conv_2d ins(%image) outs(%patches)
%normed = memref.alloc() {alignment = 64} : memref<1x196x768xf32>
linalg.layer_norm ins(%patches) outs(%normed)
%qkv = memref.alloc() {alignment = 64} : memref<3x1x196x768xf16>
linalg.matmul ins(%normed) outs(%qkv)
memref.dealloc %normed : memref<1x196x768xf32>
%scores = memref.alloc() {alignment = 64} : memref<12x196x196xf16>
linalg.batch_matmul ins(%qkv) outs(%scores)
%context = memref.alloc() {alignment = 64} : memref<1x196x768xf32>
linalg.batch_matmul ins(%scores, %qkv) outs(%context)
memref.dealloc %qkv : memref<3x1x196x768xf16>
memref.dealloc %scores : memref<12x196x196xf16>
%hidden = memref.alloc() {alignment = 64} : memref<1x196x3072xf16>
linalg.matmul ins(%context, %patches) outs(%hidden)
memref.dealloc %context : memref<1x196x768xf32>
linalg.matmul ins(%hidden) outs(%patches)
memref.dealloc %hidden : memref<1x196x3072xf16>
memref.dealloc %patches : memref<1x196x768xf32>
)";

/// The buffers of a list, as columns.
struct Buffers {
  std::vector<std::string> names;
  std::vector<std::int64_t> lower, upper;
  std::vector<std::uint64_t> size, alignment;
};

[[noreturn]] void refuse(std::size_t line, const std::string& what) {
  std::cerr << "line " << line + 1 << ": " << what << '\n';
  std::exit(EXIT_FAILURE);
}

std::optional<std::uint64_t> bytes_of_element(const std::string& type) {
  static const std::map<std::string, std::uint64_t> known = {
      {"i1", 1}, {"i8", 1}, {"f16", 2}, {"bf16", 2}, {"i16", 2},
      {"f32", 4}, {"i32", 4}, {"f64", 8}, {"i64", 8}};
  const auto found = known.find(type);
  return found == known.end() ? std::nullopt : std::optional<std::uint64_t>(found->second);
}

/// A decimal number, the whole text.
std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    const auto ones = static_cast<std::uint64_t>(digit - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - ones) / 10) return std::nullopt;
    value = value * 10 + ones;
  }
  return text.empty() ? std::nullopt : std::optional<std::uint64_t>(value);
}

/// The bytes of a type such as `memref<2x3xf32>`.
std::optional<std::uint64_t> bytes_of(const std::string& type) {
  const auto open = type.find("memref<"), close = type.rfind('>');
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  std::istringstream parts(type.substr(open + 7, close - open - 7));
  std::string part;
  std::uint64_t bytes = 1;
  while (std::getline(parts, part, 'x')) {
    const auto factor = parts.eof() ? bytes_of_element(part) : number(part);
    if (!factor) return std::nullopt;
    if (*factor != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / *factor)
      return std::nullopt;
    bytes *= *factor;
  }
  return bytes;
}

/// The text behind `before`, up to the first character that cannot be part of a name or a number.
std::string word_after(const std::string& line, const std::string& before) {
  auto begin = line.find(before);
  if (begin == std::string::npos) return "";
  begin = line.find_first_not_of(' ', begin + before.size());
  if (begin == std::string::npos) return "";
  return line.substr(begin, line.find_first_of(" ,:})", begin) - begin);
}

Buffers parse(std::istream& list) {
  Buffers all;
  std::map<std::string, std::size_t> alive;
  std::string line;
  std::size_t step = 0;
  for (; std::getline(list, line); ++step) {
    if (line.find("memref.alloc(") != std::string::npos) {
      const auto colon = line.rfind(':');
      const auto bytes = bytes_of(colon == std::string::npos ? "" : line.substr(colon));
      if (!bytes) refuse(step, "expected a static type, as in ': memref<2x3xf32>'");
      const std::string name = word_after(line, "");
      const auto alignment = number(word_after(line, "alignment ="));
      alive[name] = all.names.size();
      all.names.push_back(name);
      all.lower.push_back(static_cast<std::int64_t>(step));
      all.upper.push_back(-1);
      all.size.push_back(*bytes);
      all.alignment.push_back(alignment.value_or(1));
    } else if (line.find("memref.dealloc") != std::string::npos) {
      const auto found = alive.find(word_after(line, "memref.dealloc"));
      if (found == alive.end()) refuse(step, "this buffer is not allocated");
      all.upper[found->second] = static_cast<std::int64_t>(step);
      alive.erase(found);
    }
  }
  for (const auto& [name, buffer] : alive) all.upper[buffer] = static_cast<std::int64_t>(step);
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  std::ifstream file;
  std::istringstream own(kList);
  if (argc > 1) file.open(argv[1]);
  if (argc > 1 && !file) {
    std::cerr << argv[1] << ": cannot be read\n";
    return EXIT_FAILURE;
  }
  const Buffers buffers = argc > 1 ? parse(file) : parse(own);

  orionrt::columns columns;
  columns.lower = buffers.lower;
  columns.upper = buffers.upper;
  columns.size = buffers.size;
  columns.alignment = buffers.alignment;
  const auto lifetimes = orionrt::lifetimes::from_columns(columns);
  if (!lifetimes) {
    std::cerr << lifetimes.error().message() << '\n';
    return EXIT_FAILURE;
  }
  const auto plan = orionrt::planner().time_limit(std::chrono::seconds(1)).plan(*lifetimes);
  if (!plan) {
    std::cerr << plan.error().message() << '\n';
    return EXIT_FAILURE;
  }
  std::cout << "%arena = memref.alloc() {alignment = " << plan->alignment() << "} : memref<"
            << plan->peak() << "xi8>\n";
  for (std::size_t i = 0; i < buffers.names.size(); ++i)
    std::cout << buffers.names[i] << " = memref.view %arena[" << plan->offsets()[i] << "]  // "
              << buffers.size[i] << " bytes, steps " << buffers.lower[i] << ".."
              << buffers.upper[i] << '\n';
  std::cout << "// " << plan->peak() << " bytes instead of " << lifetimes->total_bytes()
            << (plan->is_optimal() ? ", the least possible\n" : "\n");
}
