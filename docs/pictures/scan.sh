mfawatch scan demo/AWSLogs/o-example123/444455556666 --only fail,unknown
