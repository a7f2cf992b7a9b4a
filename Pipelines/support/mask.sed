# Masks what points to a person in JSON Lines. Needs GNU sed (\x01 and \b).

# Put every escape of JSON (\n, \", \u00e4) between two bytes that JSON text cannot hold: without this the `n`
# of `\n` would pass for the first letter of an address, and a lone backslash would be left behind.
s/\\(u[0-9a-fA-F]{4}|.)/\x01\1\x02/g

s/[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+/[email]/g
s/\b[A-Z]{2}[0-9]{2}( ?[0-9]{4}){4} ?[0-9]{2}\b/[iban]/g
s/\b0[0-9]{2,4}[ \/-][0-9]{3,6}([ -][0-9]{2,5})?\b/[phone]/g

# And back.
s/\x01([^\x02]*)\x02/\\\1/g
