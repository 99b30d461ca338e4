-- Tables, closures and strings.
local function tree(depth)
  if depth == 0 then return {} end
  return { tree(depth - 1), tree(depth - 1) }
end

local function count(node)
  local sum = 1
  for _, child in ipairs(node) do sum = sum + count(child) end
  return sum
end

for round = 1, 12 do
  assert(count(tree(15)) == 2 ^ 16 - 1)
  local words = {}
  for i = 1, 50000 do words[#words + 1] = "word " .. i * round end
  local text = table.concat(words, ",")
  assert(select(2, text:gsub(",", ";")) == #words - 1)
end
