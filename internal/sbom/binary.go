package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// binary is a program and what it tells of itself.
type binary struct {
	name string
	body []byte
	info *buildinfo.BuildInfo
}

// most is far above any binary of a release: what unpacks to more is no release.
const most = 1 << 30

// read is the binary in a file, or the one in an archive.
func read(file string) (binary, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return binary{}, err
	}
	var inside []binary
	switch {
	case strings.HasSuffix(file, ".zip"):
		inside, err = unzip(body)
	case strings.HasSuffix(file, ".tar.gz"):
		inside, err = untar(body)
	default:
		inside = []binary{{name: path.Base(file), body: body}}
	}
	if err != nil {
		return binary{}, err
	}
	var found []binary
	for _, b := range inside {
		if b.info, err = buildinfo.Read(bytes.NewReader(b.body)); err == nil {
			found = append(found, b)
		}
	}
	switch len(found) {
	case 0:
		return binary{}, errors.New("it holds no Go program")
	case 1:
		return found[0], nil
	}
	return binary{}, fmt.Errorf("it holds %d Go programs, %s and %s among them: one is expected", len(found), found[0].name, found[1].name)
}

func unzip(body []byte) (all []binary, err error) {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		text, err := limited(r, f.Name)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		all = append(all, binary{name: path.Base(f.Name), body: text})
	}
	return all, nil
}

func untar(body []byte) (all []binary, err error) {
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(plain); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		text, err := limited(t, h.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, binary{name: path.Base(h.Name), body: text})
	}
}

func limited(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && len(text) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return text, err
}
