# Turns the paragraphs of a Debian package index on stdin into JSON Lines on stdout.
# Only perl-base: no modules beyond strict and warnings.
use strict;
use warnings;

binmode STDIN;
binmode STDOUT;

# Text as a JSON string. Bytes that are not UTF-8 become U+FFFD, so that the line is always valid JSON.
sub json_text {
    my ($bytes) = @_;
    return "\"$bytes\"" unless $bytes =~ /[^ !#-\[\]-~]/;    # nearly all of the index
    my $text = $bytes;
    if (!utf8::decode($text)) {
        $text = join '', map { my $piece = $_; utf8::decode($piece) ? $piece : "\x{FFFD}" }
            $bytes =~ /[\x00-\x7F]+|[\xC2-\xDF][\x80-\xBF]|\xE0[\xA0-\xBF][\x80-\xBF]|[\xE1-\xEC\xEE\xEF][\x80-\xBF]{2}|\xED[\x80-\x9F][\x80-\xBF]|\xF0[\x90-\xBF][\x80-\xBF]{2}|[\xF1-\xF3][\x80-\xBF]{3}|\xF4[\x80-\x8F][\x80-\xBF]{2}|./gs;
    }
    $text =~ s/([\\"])/\\$1/g;
    $text =~ s/\n/\\n/g;
    $text =~ s/\t/\\t/g;
    $text =~ s/([\x00-\x1F\x7F])/sprintf '\\u%04x', ord $1/ge;
    utf8::encode($text);
    return "\"$text\"";
}

sub json_list {
    my ($value) = @_;
    $value = '' unless defined $value;
    $value =~ s/\n/ /g;
    return '[' . join(',', map { json_text($_) } grep { length } map { s/^\s+|\s+$//gr } split /,/, $value) . ']';
}

# The first line is the short description; the rest, where apt has it, is the long one, in which a line with
# a single dot is an empty line.
sub descriptions {
    my ($value) = @_;
    my ($short, @long) = split /\n/, $value;
    return (defined $short ? $short : '', join "\n", map { $_ eq '.' ? '' : $_ } @long);
}

sub json_row {
    my ($field) = @_;
    my $source = defined $field->{'source'} ? $field->{'source'} : $field->{'package'};
    $source =~ s/\s*\(.*//s;
    my $text = $field->{'description'};
    $text = $field->{'description-en'} unless defined $text;
    my ($short, $long) = descriptions(defined $text ? $text : '');
    my $size = $field->{'installed-size'};
    my @pairs = (
        [package        => json_text($field->{'package'})],
        [version        => json_text($field->{'version'})],
        [architecture   => json_text($field->{'architecture'})],
        [source         => json_text($source)],
        [section        => defined $field->{'section'} ? json_text($field->{'section'}) : 'null'],
        [description    => json_text($short)],
        [long           => length $long ? json_text($long) : 'null'],
        [installed_size => defined $size && $size =~ /^(?:0|[1-9][0-9]*)$/ ? $size : 'null'],
        [depends        => json_list($field->{'depends'})],
        [tags           => json_list($field->{'tag'})],
    );
    return '{' . join(',', map { "\"$_->[0]\":$_->[1]" } @pairs) . '}';
}

my %rows;    # by name, version and architecture: the same package in two lists is one row

sub keep {
    my ($field) = @_;
    return unless defined $field->{'package'};
    for my $name ('version', 'architecture') {
        die "packages.pl: package `$field->{'package'}` has no $name\n" unless defined $field->{$name};
    }
    my $key = join "\0", map { $field->{$_} } 'package', 'version', 'architecture';
    $rows{$key} = json_row($field) unless exists $rows{$key};
}

my (%field, $name);
while (my $line = <STDIN>) {
    $line =~ s/[ \t\r\n]+\z//;
    if ($line eq '') {
        keep(\%field);
        %field = ();
        undef $name;
    } elsif ($line =~ /^[ \t]+(.*)/s) {
        $field{$name} .= "\n$1" if defined $name;
    } elsif ($line =~ /^([^:\s]+):[ \t]*(.*)/s) {
        $name = lc $1;
        $field{$name} = $2;
    } else {
        die "packages.pl: line $.: expected `Field: value`, found `$line`\n";
    }
}
keep(\%field);

# Sorted as bytes: the same order whatever the locale and the order of the lists.
print "$rows{$_}\n" for sort keys %rows;
close STDOUT or die "packages.pl: cannot write: $!\n";
