package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// ClickHouse speaks ClickHouse's HTTP interface.
type ClickHouse struct {
	address *url.URL
	target  string
}

// Row is one version of an item; numbers stay text, so that no digit is lost.
type Row struct {
	ID        string      `json:"id"`
	Status    string      `json:"status"`
	Total     string      `json:"total"`
	Note      *string     `json:"note"`
	Write     string      `json:"_w"`
	Counter   string      `json:"_n"`
	Version   json.Number `json:"version"`
	IsDeleted int         `json:"is_deleted"`
}

// Value is a DynamoDB value, as far as this table has them.
type Value struct {
	S *string
	N *string
}

// Change is a change record of DynamoDB's Kinesis streaming destination.
type Change struct {
	DynamoDB struct {
		ApproximateCreationDateTime json.Number
		Keys                        map[string]Value
		NewImage                    map[string]Value
	} `json:"dynamodb"`
}

func newClickHouse(address, target string) ClickHouse {
	parsed, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return ClickHouse{parsed, target}
}

// toRow makes a row of a change. The newest version of a key wins, a delete is a row too.
func toRow(data []byte) (Row, error) {
	var change Change
	if err := json.Unmarshal(data, &change); err != nil {
		return Row{}, err
	}
	image, version := change.DynamoDB.NewImage, change.DynamoDB.ApproximateCreationDateTime
	if image == nil {
		id := text(change.DynamoDB.Keys["id"].S, "")
		return Row{ID: id, Total: "0", Counter: "0", Version: version, IsDeleted: 1}, nil
	}
	return Row{
		ID:      text(image["id"].S, ""),
		Status:  text(image["status"].S, ""),
		Total:   text(image["total"].N, "0"),
		Note:    image["note"].S,
		Write:   text(image["_w"].S, ""),
		Counter: text(image["_n"].N, "0"),
		Version: version,
	}, nil
}

func text(value *string, otherwise string) string {
	if value == nil {
		return otherwise
	}
	return *value
}

func (c ClickHouse) insert(ctx context.Context, rows []Row) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, row := range rows {
		if err := lines.Encode(row); err != nil {
			return err
		}
	}
	return c.send(ctx, "INSERT INTO "+c.target+" FORMAT JSONEachRow", nil, &body)
}

// loadSnapshot lets ClickHouse read the export. What it may lack is newer than five minutes before it.
func (c ClickHouse) loadSnapshot(ctx context.Context, export string) error {
	place := strings.TrimPrefix(export, "s3://")
	query := `
		INSERT INTO ` + c.target + ` (id, status, total, note, _w, _n, version, is_deleted)
		SELECT
			JSONExtractString(json, 'Item', 'id', 'S'),
			JSONExtractString(json, 'Item', 'status', 'S'),
			toDecimal64(JSONExtractString(json, 'Item', 'total', 'N'), 2),
			JSONExtract(json, 'Item', 'note', 'S', 'Nullable(String)'),
			JSONExtractString(json, 'Item', '_w', 'S'),
			toUInt64(JSONExtractString(json, 'Item', '_n', 'N')),
			toUnixTimestamp64Micro(parseDateTime64BestEffort({time:String}, 6)) - 300000000,
			0
		FROM s3({url:String}, {key:String}, {secret:String}, 'JSONAsString')`
	return c.send(ctx, query, url.Values{
		"param_url":    {os.Getenv("AWS_ENDPOINT_URL") + "/" + place + "/data/*.json.gz"},
		"param_time":   {os.Getenv("HARNESS_EXPORT_TIME")},
		"param_key":    {os.Getenv("AWS_ACCESS_KEY_ID")},
		"param_secret": {os.Getenv("AWS_SECRET_ACCESS_KEY")},
	}, http.NoBody)
}

func (c ClickHouse) send(ctx context.Context, query string, parameters url.Values, body io.Reader) error {
	if parameters == nil {
		parameters = url.Values{}
	}
	parameters.Set("database", strings.Trim(c.address.Path, "/"))
	parameters.Set("query", query)
	address := c.address.Scheme + "://" + c.address.Host + "/?" + parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return err
	}
	password, _ := c.address.User.Password()
	request.Header.Set("X-ClickHouse-User", c.address.User.Username())
	request.Header.Set("X-ClickHouse-Key", password)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("ClickHouse: %s", said)
	}
	return err
}
