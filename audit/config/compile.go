package config

// Compile reads a mfawatch.yaml that names no other files and gives what stands
// under the same name in a function's folder. name is what errors call it; they
// are as those of ReadFile.
func Compile(name string, data []byte, overrides ...Override) ([]byte, error) {
	return Source{Name: name, Data: data, Overrides: overrides}.Compile()
}
