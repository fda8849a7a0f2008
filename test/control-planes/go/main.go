// A control plane for tests, on go-control-plane's cache and server: snapshots come on stdin as JSON lines, what clients ask is told on stdout.
//
//	{"version": "1", "resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", ...}, ...]}
//
// With "hold": true it is made ready, told as {"held": "1"}, and in force from {"set": "1"} on, which is told too.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/health_check/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/on_demand/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	cluster "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extension "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	runtime "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// All clients get one snapshot.
type oneNode struct{}

func (oneNode) ID(*core.Node) string { return "all" }

type line struct {
	Set       string            `json:"set"`
	Hold      bool              `json:"hold"`
	Version   string            `json:"version"`
	Resources []json.RawMessage `json:"resources"`
}

type seen struct {
	Delta       bool     `json:"delta"`
	Type        string   `json:"type"`
	Names       []string `json:"names"`
	Unsubscribe []string `json:"unsubscribe,omitempty"`
	Version     string   `json:"version"`
	Known       int      `json:"known"`
	Nonce       bool     `json:"nonce"`
	Error       string   `json:"error,omitempty"`
	Node        string   `json:"node,omitempty"`
}

var output sync.Mutex

func tell(message any) {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}

func main() {
	// ADS answers only when all that was asked for is there.
	ads := len(os.Args) > 1 && os.Args[1] == "ads"
	snapshots := cache.NewSnapshotCache(ads, oneNode{}, nil)
	callbacks := server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, r *discovery.DiscoveryRequest) error {
			tell(seen{Type: r.TypeUrl, Names: r.ResourceNames, Version: r.VersionInfo, Nonce: r.ResponseNonce != "", Error: r.ErrorDetail.GetMessage(), Node: r.Node.GetId()})
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, r *discovery.DeltaDiscoveryRequest) error {
			tell(seen{Delta: true, Type: r.TypeUrl, Names: r.ResourceNamesSubscribe, Unsubscribe: r.ResourceNamesUnsubscribe, Known: len(r.InitialResourceVersions), Nonce: r.ResponseNonce != "", Error: r.ErrorDetail.GetMessage(), Node: r.Node.GetId()})
			return nil
		},
	}
	xds := server.NewServer(context.Background(), snapshots, callbacks)
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, xds)
	cluster.RegisterClusterDiscoveryServiceServer(grpcServer, xds)
	endpoint.RegisterEndpointDiscoveryServiceServer(grpcServer, xds)
	listener.RegisterListenerDiscoveryServiceServer(grpcServer, xds)
	route.RegisterRouteDiscoveryServiceServer(grpcServer, xds)
	route.RegisterScopedRoutesDiscoveryServiceServer(grpcServer, xds)
	route.RegisterVirtualHostDiscoveryServiceServer(grpcServer, xds)
	secret.RegisterSecretDiscoveryServiceServer(grpcServer, xds)
	runtime.RegisterRuntimeDiscoveryServiceServer(grpcServer, xds)
	extension.RegisterExtensionConfigDiscoveryServiceServer(grpcServer, xds)
	address := "127.0.0.1:0"
	if len(os.Args) > 2 {
		address = os.Args[2]
	}
	socket, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	go func() { panic(grpcServer.Serve(socket)) }()
	tell(map[string]int{"port": socket.Addr().(*net.TCPAddr).Port})

	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 64<<20)
	held := map[string]*cache.Snapshot{}
	for input.Scan() {
		if err := set(snapshots, held, input.Bytes()); err != nil {
			tell(map[string]string{"fault": err.Error()})
		}
	}
}

func set(snapshots cache.SnapshotCache, held map[string]*cache.Snapshot, text []byte) error {
	var next line
	if err := json.Unmarshal(text, &next); err != nil {
		return err
	}
	if next.Set != "" {
		defer tell(map[string]string{"set": next.Set})
		return snapshots.SetSnapshot(context.Background(), "all", held[next.Set])
	}
	byType := map[resource.Type][]types.Resource{}
	for _, raw := range next.Resources {
		any := &anypb.Any{}
		if err := protojson.Unmarshal(raw, any); err != nil {
			return err
		}
		message, err := any.UnmarshalNew()
		if err != nil {
			return err
		}
		byType[any.TypeUrl] = append(byType[any.TypeUrl], message)
	}
	snapshot, err := cache.NewSnapshot(next.Version, byType)
	if err != nil {
		return err
	}
	if next.Hold {
		held[next.Version] = snapshot
		tell(map[string]string{"held": next.Version})
		return nil
	}
	return snapshots.SetSnapshot(context.Background(), "all", snapshot)
}
