package main

import (
	"sort"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func sortByPath(files []protoreflect.FileDescriptor) {
	sort.Slice(files, func(i, j int) bool { return files[i].Path() < files[j].Path() })
}
