# Associative arrays and strings.
BEGIN {
    for (round = 0; round < 4; round++) {
        for (i = 0; i < 150000; i++) {
            word = "key" (i * 7919 % 50021)
            count[word]++
            text[word] = text[word] substr("abcdefghij", i % 10 + 1)
        }
        for (word in count) total += count[word] + length(text[word])
        delete count
        delete text
    }
    if (!total) exit 1
}
