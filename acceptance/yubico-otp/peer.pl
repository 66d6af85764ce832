# Auth::Yubikey_Decrypter on many cases in one process: lines KEY OTP ->
# PUBLIC UID SESSION TIMESTAMP USE RANDOM, or "refused".
use strict;
use warnings;
use Auth::Yubikey_Decrypter;

while (my $line = <STDIN>) {
  my ($key, $otp) = split ' ', $line;
  my ($public, $uid, $session, $timestamp, $use, $random, undef, $ok) = Auth::Yubikey_Decrypter::yubikey_decrypt($otp, $key);
  print $ok ? join(' ', length $public ? $public : '-', $uid, $session, $timestamp, $use, $random) : 'refused', "\n";
}
