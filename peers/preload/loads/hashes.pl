# Hashes, arrays and strings.
use strict;
use warnings;

for my $round (1 .. 5) {
    my %words;
    for my $i (1 .. 60000) {
        my $word = "word" . ($i * 7919 % 20011);
        push @{ $words{$word} }, { at => $i, text => $word x ($i % 5) };
    }
    my $text = join ",", map { "$_=" . scalar @{ $words{$_} } } sort keys %words;
    my $count = () = $text =~ /=(\d+)/g;
    die unless $count == keys %words;
}
