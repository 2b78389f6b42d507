# The sources' comments are plain ones. For Doxygen, those above a declaration and those behind it
# become its own, and what it would read as a command or a tag stays text. sed -E -f
/^ *\/\//{
  s,\\,\\\\,g
  s,[<>],\\&,g
}
s,^( *)// ?,\1/// ,
s,([^ /]) +// ,\1 ///< ,
s,(///< .*)\\([a-z]),\1\\\\\2,
