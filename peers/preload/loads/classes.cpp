// What a compiler is given to do.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct Tower {
    std::map<std::string, std::vector<std::variant<int, std::string, std::unique_ptr<Tower<N - 1>>>>> floors;
    std::function<int(const Tower &)> count = [](const Tower &tower) { return int(tower.floors.size()) + N; };
};
template <> struct Tower<0> {};

int main() {
    Tower<12> tower;
    std::unordered_map<std::string, std::shared_ptr<Tower<8>>> names;
    std::regex words("([a-z]+)=([0-9]+)");
    std::vector<std::string> texts{"a=1", "b=2"};
    std::sort(texts.begin(), texts.end());
    return int(std::count_if(texts.begin(), texts.end(),
        [&](const std::string &text) { return std::regex_match(text, words); })) + tower.count(tower) + int(names.size());
}
