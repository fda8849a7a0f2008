// A control plane for tests, on go-control-plane's cache and server: snapshots come on stdin as JSON lines, what clients ask is told on stdout.
//
//	{"version": "1", "resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", ...}, ...], "ttls": {"a name": "2s"}}
//
// With "hold": true it is made ready, told as {"held": "1"}, and in force from {"set": "1"} on, which is told too.
//
// Arguments: "ads", "per-type" or "rest"; where to listen, "127.0.0.1:0" or "/a/socket"; how often heartbeats are sent, "0s" for never; the files of a
// certificate and its key for gRPC over TLS, "" for none; how old connections get, with as much again for what is on them, "0s" for no limit.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

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
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
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
	// By the name of a resource.
	TTLs map[string]string `json:"ttls"`
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
	mode, address, interval := argument(1, "ads"), argument(2, "127.0.0.1:0"), argument(3, "0s")
	// ADS answers only when all that was asked for is there.
	ads := mode == "ads"
	snapshots := cache.NewSnapshotCache(ads, oneNode{}, nil)
	if every := duration(interval); every > 0 {
		snapshots = cache.NewSnapshotCacheWithHeartbeating(context.Background(), ads, oneNode{}, nil, every)
	}
	opened := func(ctx context.Context, _ int64, typeUrl string) error {
		fields, _ := metadata.FromIncomingContext(ctx)
		tell(map[string]any{"stream": typeUrl, "metadata": fields})
		return nil
	}
	callbacks := server.CallbackFuncs{
		StreamOpenFunc:      opened,
		DeltaStreamOpenFunc: opened,
		StreamRequestFunc: func(_ int64, r *discovery.DiscoveryRequest) error {
			tell(seen{Type: r.TypeUrl, Names: r.ResourceNames, Version: r.VersionInfo, Nonce: r.ResponseNonce != "", Error: r.ErrorDetail.GetMessage(), Node: r.Node.GetId()})
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, r *discovery.DeltaDiscoveryRequest) error {
			tell(seen{Delta: true, Type: r.TypeUrl, Names: r.ResourceNamesSubscribe, Unsubscribe: r.ResourceNamesUnsubscribe, Known: len(r.InitialResourceVersions), Nonce: r.ResponseNonce != "", Error: r.ErrorDetail.GetMessage(), Node: r.Node.GetId()})
			return nil
		},
		FetchRequestFunc: func(_ context.Context, r *discovery.DiscoveryRequest) error {
			tell(seen{Type: r.TypeUrl, Names: r.ResourceNames, Version: r.VersionInfo, Error: r.ErrorDetail.GetMessage(), Node: r.Node.GetId()})
			return nil
		},
	}
	xds := server.NewServer(context.Background(), snapshots, callbacks)
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	socket, err := net.Listen(network, address)
	if err != nil {
		panic(err)
	}
	if mode == "rest" {
		go func() { panic(http.Serve(socket, rest{server.HTTPGateway{Server: xds}})) }()
	} else {
		go func() {
			panic(grpcServer(xds, argument(4, ""), argument(5, ""), duration(argument(6, "0s"))).Serve(socket))
		}()
	}
	port := 0
	if tcp, isTcp := socket.Addr().(*net.TCPAddr); isTcp {
		port = tcp.Port
	}
	tell(map[string]int{"port": port})

	input := bufio.NewScanner(os.Stdin)
	input.Buffer(make([]byte, 1<<20), 64<<20)
	held := map[string]*cache.Snapshot{}
	for input.Scan() {
		if err := set(snapshots, held, input.Bytes()); err != nil {
			tell(map[string]string{"fault": err.Error()})
		}
	}
}

func grpcServer(xds server.Server, certificate, key string, maxAge time.Duration) *grpc.Server {
	options := []grpc.ServerOption{}
	if maxAge > 0 {
		options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: maxAge, MaxConnectionAgeGrace: maxAge}))
	}
	if certificate != "" {
		tls, err := credentials.NewServerTLSFromFile(certificate, key)
		if err != nil {
			panic(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	grpcServer := grpc.NewServer(options...)
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
	return grpcServer
}

// The REST variant of the protocol. What is posted is told as it came.
type rest struct{ gateway server.HTTPGateway }

func (r rest) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		panic(err)
	}
	tell(map[string]any{"method": request.Method, "posted": request.URL.Path, "host": request.Host, "headers": request.Header, "body": json.RawMessage(body)})
	request.Body = io.NopCloser(strings.NewReader(string(body)))
	answer, status, err := r.gateway.ServeHTTP(request)
	if err != nil {
		answer = []byte(err.Error())
	}
	response.WriteHeader(status)
	response.Write(answer)
}

func argument(i int, otherwise string) string {
	if len(os.Args) > i {
		return os.Args[i]
	}
	return otherwise
}

func duration(text string) time.Duration {
	value, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return value
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
	byType := map[resource.Type][]types.ResourceWithTTL{}
	for _, raw := range next.Resources {
		any := &anypb.Any{}
		if err := protojson.Unmarshal(raw, any); err != nil {
			return err
		}
		message, err := any.UnmarshalNew()
		if err != nil {
			return err
		}
		one := types.ResourceWithTTL{Resource: message}
		if text, has := next.TTLs[cache.GetResourceName(message)]; has {
			ttl := duration(text)
			one.TTL = &ttl
		}
		byType[any.TypeUrl] = append(byType[any.TypeUrl], one)
	}
	snapshot, err := cache.NewSnapshotWithTTLs(next.Version, byType)
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
