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
    using Floor = std::variant<int, std::string, std::unique_ptr<Tower<N - 1>>>;
    std::map<std::string, std::vector<Floor>> floors;
    std::function<int(const Tower &)> count = [](const Tower &tower) {
        return int(tower.floors.size()) + N;
    };
};
template <> struct Tower<0> {};

int main() {
    Tower<12> tower;
    std::unordered_map<std::string, std::shared_ptr<Tower<8>>> names;
    std::regex words("([a-z]+)=([0-9]+)");
    std::vector<std::string> texts{"a=1", "b=2"};
    std::sort(texts.begin(), texts.end());
    auto matches = [&](const std::string &text) { return std::regex_match(text, words); };
    int found = int(std::count_if(texts.begin(), texts.end(), matches));
    return found + tower.count(tower) + int(names.size());
}
