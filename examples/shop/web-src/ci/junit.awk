# Turns the output of a Rust test program into JUnit XML; fails where a test failed. `suite` is the name of the suite.

function xml(text) {
    gsub(/[[:cntrl:]]/, " ", text)
    gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); gsub(/"/, "\\&quot;", text)
    return text
}

/^test [^ ]+( - should panic)? \.\.\. / { names[++count] = $2; results[count] = $NF; next }
/^---- .* stdout ----$/ { failing = $2; next }
/^failures:$/ { failing = ""; next }
/^test result: / { failing = ""; ended = 1; next }
failing != "" { messages[failing] = messages[failing] xml($0) "\n" }

END {
    # A program that ended early has shown nothing, however many tests it had passed.
    if (!ended) { names[++count] = "test-program"; results[count] = "early"; messages["test-program"] = "it ended before it was done\n" }
    for (i = 1; i <= count; i++) {
        name = names[i]
        split_at = match(name, /::[^:]*$/)
        class = split_at ? substr(name, 1, split_at - 1) : suite
        short = split_at ? substr(name, split_at + 2) : name
        cases = cases "    <testcase classname=\"" xml(class) "\" name=\"" xml(short) "\""
        if (results[i] == "ok") cases = cases "/>\n"
        else if (results[i] == "ignored") { skipped++; cases = cases "><skipped/></testcase>\n" }
        else { failures++; cases = cases "><failure>" messages[name] "</failure></testcase>\n" }
    }
    print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>"
    printf "  <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" errors=\"0\" skipped=\"%d\">\n", xml(suite), count, failures, skipped
    printf "%s  </testsuite>\n</testsuites>\n", cases
    exit failures > 0
}
