// Puts the buffers of a bufferised function of MLIR into one arena: each `memref.alloc` becomes a
// `memref.view` of it, and each `memref.dealloc` goes.
//
//   allocs < attention.mlir | mlir-opt
//
// It reads the text that `mlir-opt` prints, line by line, as a stand-in for the module that a pass
// has: there the steps are the positions of operations in the function. A buffer lives from its
// `memref.alloc` to its last `memref.dealloc`, of which each branch may have one. What is not given
// back in the function is not planned, as the caller may have it: block arguments, and buffers that
// are returned; nor is what has no static size.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <orionrt/plan.hpp>

namespace {

/// A `memref.alloc` and its last `memref.dealloc`.
struct Alloc {
  std::string name, type;
  std::uint64_t bytes, alignment;
  std::int64_t alloc, dealloc;
};

/// A function: its lines, the first one of its entry block, its allocations, and the lines that
/// give them back.
struct Function {
  std::vector<std::string> lines;
  std::size_t entry;
  std::vector<Alloc> allocs;
  std::set<std::size_t> deallocs;
};

[[noreturn]] void refuse(const std::string& what) {
  std::cerr << "allocs: " << what << '\n';
  std::exit(EXIT_FAILURE);
}

std::uint64_t bytes_of_element(const std::string& type) {
  static const std::map<std::string, std::uint64_t> known = {
      {"i1", 1}, {"i8", 1}, {"f16", 2}, {"bf16", 2}, {"i16", 2},
      {"f32", 4}, {"i32", 4}, {"f64", 8}, {"i64", 8}};
  const auto found = known.find(type);
  return found == known.end() ? 0 : found->second;
}

/// A size of one dimension; nothing if it is not a number or is too large for anybody's memory.
std::optional<std::uint64_t> extent(const std::string& text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  if (text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoull(text);
}

/// Fills in what a type such as `memref<2x3xf32>` says; false if it has no static size.
bool measure(Alloc& alloc) {
  if (alloc.type.rfind("memref<", 0) != 0 || alloc.type.back() != '>') return false;
  std::istringstream parts(alloc.type.substr(7, alloc.type.size() - 8));
  std::vector<std::uint64_t> extents;
  for (std::string part; std::getline(parts, part, 'x');) {
    if (parts.eof()) {
      alloc.bytes = bytes_of_element(part);
    } else if (const auto size = extent(part)) {
      extents.push_back(*size);
    } else {
      return false;
    }
  }
  if (alloc.bytes == 0) return false;
  if (alloc.alignment == 0) alloc.alignment = alloc.bytes;
  for (const auto size : extents) {
    if (size != 0 && alloc.bytes > UINT64_MAX / size) return false;
    alloc.bytes *= size;
  }
  return true;
}

/// The text between `before` and the next of `ends`, if the line has it.
std::string between(const std::string& line, const std::string& before, const char* ends) {
  const auto at = line.find(before);
  if (at == std::string::npos) return "";
  const auto begin = at + before.size();
  return line.substr(begin, line.find_first_of(ends, begin) - begin);
}

std::vector<std::string> read_lines(std::istream& text) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

/// The first line of the body of the only function that has one.
std::size_t find_entry(const std::vector<std::string>& lines) {
  std::size_t entry = 0;
  bool is_header = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto text = lines[i].find_first_not_of(' ');
    if (text == std::string::npos) continue;
    if (lines[i].compare(text, 11, "func.func @") == 0) {
      if (entry != 0) refuse("line " + std::to_string(i + 1) + " begins a second function");
      is_header = true;
    }
    if (is_header && lines[i].back() == '{') {
      entry = i + 1;
      is_header = false;
    }
  }
  if (entry == 0) refuse("there is no function; expected 'func.func @name(...) {'");
  return entry;
}

Function parse(std::istream& text) {
  Function function;
  function.lines = read_lines(text);
  function.entry = find_entry(function.lines);
  std::map<std::string, Alloc> live;
  std::map<std::string, std::size_t> freed;
  for (std::size_t i = function.entry; i < function.lines.size(); ++i) {
    const std::string& line = function.lines[i];
    const auto step = static_cast<std::int64_t>(i);
    if (line.find("= memref.alloc()") != std::string::npos) {
      const auto type = line.rfind(" : ");
      Alloc alloc = {between(line, "%", " ="), line.substr(type + 3), 0, 0, step, step};
      alloc.alignment = extent(between(line, "alignment = ", " }")).value_or(0);
      // Beside each other, regions may have values of the same name.
      live.erase(alloc.name), freed.erase(alloc.name);
      if (measure(alloc)) live[alloc.name] = alloc;
    } else if (line.find("memref.dealloc ") != std::string::npos) {
      const auto found = live.find(between(line, "memref.dealloc %", " :"));
      if (found == live.end()) continue;
      const auto [index, is_first] = freed.try_emplace(found->first, function.allocs.size());
      if (is_first) function.allocs.push_back(found->second);
      function.allocs[index->second].dealloc = step;
      function.deallocs.insert(i);
    }
  }
  return function;
}

orionrt::result<orionrt::plan> plan(const std::vector<Alloc>& allocs) {
  orionrt::columns columns;
  columns.lower = orionrt::column<std::int64_t>::of(allocs, &Alloc::alloc);
  columns.upper = orionrt::column<std::int64_t>::of(allocs, &Alloc::dealloc);
  columns.size = orionrt::column<std::uint64_t>::of(allocs, &Alloc::bytes);
  columns.alignment = orionrt::column<std::uint64_t>::of(allocs, &Alloc::alignment);
  const auto lifetimes = orionrt::lifetimes::from_columns(columns);
  if (!lifetimes) return lifetimes.error();
  // A limit of work instead of time: a compiler's output is the same on every machine.
  return orionrt::planner().node_limit(1'000'000).plan(*lifetimes);
}

void print(const Function& function, const orionrt::plan& plan) {
  std::map<std::size_t, std::size_t> begins;
  for (std::size_t i = 0; i < function.allocs.size(); ++i)
    begins[static_cast<std::size_t>(function.allocs[i].alloc)] = i;
  const std::string arena = "memref<" + std::to_string(plan.peak()) + "xi8>";
  for (std::size_t i = 0; i < function.lines.size(); ++i) {
    const std::string& line = function.lines[i];
    const std::string indent(std::min(line.find_first_not_of(' '), line.size()), ' ');
    if (i == function.entry)
      std::cout << indent << "%arena = memref.alloc() {alignment = " << plan.alignment()
                << " : i64} : " << arena << '\n';
    if (i > function.entry && line.compare(indent.size(), 6, "return") == 0)
      std::cout << indent << "memref.dealloc %arena : " << arena << '\n';
    if (const auto begin = begins.find(i); begin != begins.end()) {
      const Alloc& alloc = function.allocs[begin->second];
      std::cout << indent << '%' << alloc.name << "_offset = arith.constant "
                << plan.offsets()[begin->second] << " : index\n"
                << indent << '%' << alloc.name << " = memref.view %arena[%" << alloc.name
                << "_offset][] : " << arena << " to " << alloc.type << '\n';
    } else if (function.deallocs.count(i) == 0) {
      std::cout << line << '\n';
    }
  }
}

}  // namespace

int main() {
  const Function function = parse(std::cin);
  if (function.allocs.empty()) refuse("no buffer is allocated and given back; expected one");
  const auto planned = plan(function.allocs);
  if (!planned) refuse(planned.error().message());
  print(function, *planned);
  std::cerr << planned->peak() << " bytes instead of "
            << planned->lifetimes().total_bytes()
            << (planned->is_optimal() ? ", the least possible\n" : "\n");
}
